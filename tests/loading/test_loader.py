import threading
import time

import pytest

from rnnmm.loading.loader import Loader

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
