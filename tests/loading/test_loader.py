import threading
import time
from concurrent.futures import CancelledError

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from rnnmm.loading.loader import Loader
from rnnmm.loading.ring import Ring

BATCHES = [[n] for n in range(20)]


@pytest.mark.parametrize("depth", [0, 1, 4])
def test_every_depth_gives_the_same_batches_in_order(depth: int) -> None:
    loader = Loader(lambda rows: rows[0] * 2, BATCHES, depth)
    assert list(loader) == list(loader) == [2 * n for n in range(20)]
    assert len(loader) == 20


@pytest.mark.parametrize("depth", [0, 2])
def test_an_error_comes_out_in_its_place(depth: int) -> None:
    def make(rows: list[int]) -> int:
        if rows[0] == 3:
            raise ValueError("row 3 is torn")
        return rows[0]

    seen = []
    with pytest.raises(ValueError, match="row 3 is torn"):
        for batch in Loader(make, BATCHES, depth):
            seen.append(batch)
    assert seen == [0, 1, 2]


def test_leaving_early_ends_the_thread() -> None:
    before = threading.active_count()
    batches = iter(Loader(lambda rows: rows[0], BATCHES, depth=1))
    next(batches)
    batches.close()
    assert threading.active_count() == before


@pytest.mark.parametrize("depth", [0, 1])
def test_waiting_is_measured(depth: int) -> None:
    loader = Loader(lambda rows: time.sleep(0.01), BATCHES[:5], depth)
    list(loader)
    assert loader.waited_s > 0.02


def test_closing_ends_a_pass_that_nobody_goes_on_with() -> None:
    before = threading.active_count()
    loader = Loader(lambda rows: rows[0], BATCHES, depth=1)
    batches = iter(loader)
    next(batches)
    loader.close()
    assert threading.active_count() == before


def test_going_on_after_closing_is_an_error_not_a_deadlock() -> None:
    loader = Loader(lambda rows: rows[0], BATCHES, depth=1)
    batches = iter(loader)
    next(batches)
    loader.close()
    with pytest.raises((RuntimeError, CancelledError)):
        list(batches)


def test_two_passes_at_a_time_do_not_disturb_each_other() -> None:
    loader = Loader(lambda rows: rows[0], BATCHES, depth=2)
    assert list(zip(loader, loader)) == [(n, n) for n in range(20)]


def test_batches_are_made_no_further_ahead_than_asked_for() -> None:
    made: list[int] = []

    def make(rows: list[int]) -> int:
        made.append(rows[0])
        return rows[0]

    batches = iter(Loader(make, BATCHES, depth=3))
    for _ in range(5):
        next(batches)
    time.sleep(0.05)
    assert max(made) <= 4 + 3
    batches.close()


@pytest.mark.parametrize("depth", [1, 3])
def test_a_batch_whose_thread_was_ended_is_made_again(depth: int) -> None:
    ended: list[int] = []

    def make(rows: list[int]) -> int:
        if rows[0] in (3, 7) and rows[0] not in ended:
            ended.append(rows[0])
            raise SystemExit  # what ends a thread without a word
        return rows[0]

    assert list(Loader(make, BATCHES, depth)) == list(range(20))
    assert ended == [3, 7]


@given(
    sizes=st.lists(st.integers(1, 400), max_size=25),
    depth=st.integers(0, 4),
    kept=st.integers(0, 25),
    buffers=st.integers(0, 7),
)
def test_no_batch_is_ever_stale(sizes: list[int], depth: int, kept: int, buffers: int) -> None:
    ring = Ring(buffers)

    def make(rows: list[int]) -> Tensor:
        return ring.empty((sizes[rows[0]],), np.dtype(np.int16)).fill_(rows[0])

    held: list[Tensor] = []
    for number, batch in enumerate(Loader(make, [[n] for n in range(len(sizes))], depth)):
        assert len(batch) == sizes[number]
        assert bool((batch == number).all())
        held = [*held, batch][-kept:] if kept else []
        first = number + 1 - len(held)
        assert all(bool((one == n).all()) for n, one in enumerate(held, first))


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_in_a_loop_the_same_memory_goes_round(depth: int) -> None:
    ring = Ring(depth + 3)

    def make(rows: list[int]) -> Tensor:
        return ring.empty((1000,), np.dtype(np.int16))

    addresses = set()
    for batch in Loader(make, BATCHES, depth):
        time.sleep(0.001)
        addresses.add(batch.data_ptr())
    assert len(addresses) <= depth + 3
    assert len(ring._buffers) <= depth + 2  # the last of a trainer's was never asked for
