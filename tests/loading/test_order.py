import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rnnmm.loading.order import Batching, epoch_order, padding_efficiency, sorted_order

LENGTHS = arrays(np.int64, st.integers(1, 300), elements=st.integers(1, 400))
BATCHINGS = st.builds(
    Batching, st.integers(1, 40), st.one_of(st.none(), st.integers(1, 4000)), st.just(0)
)


@given(lengths=LENGTHS, batching=BATCHINGS, epoch=st.integers(0, 1000))
def test_each_item_occurs_once_and_the_budget_is_kept(
    lengths: np.ndarray, batching: Batching, epoch: int
) -> None:
    for batches in (
        epoch_order(lengths, batching, "x", 0, epoch),
        sorted_order(lengths, batching),
    ):
        assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
        for batch in batches:
            assert len(batch) <= batching.batch_size
            cost = len(batch) * lengths[batch].max()
            assert batching.max_steps is None or len(batch) == 1 or cost <= batching.max_steps


def test_the_order_is_a_function() -> None:
    lengths = np.arange(1, 200)

    def order(fingerprint: str = "x", seed: int = 0, epoch: int = 0) -> list[list[int]]:
        batches = epoch_order(lengths, Batching(), fingerprint, seed, epoch)
        return [batch.tolist() for batch in batches]

    assert order() == order()
    assert len({str(order()), str(order("y")), str(order(seed=1)), str(order(epoch=1))}) == 4


def test_little_is_padded_and_much_is_shuffled() -> None:
    rng = np.random.default_rng(0)
    lengths = np.clip(rng.lognormal(np.log(6), 0.6, 20_000), 2, 16) * 100
    lengths = lengths.astype(np.int64)
    first, second = (np.concatenate(epoch_order(lengths, Batching(), "x", 0, e)) for e in (0, 1))
    assert padding_efficiency(epoch_order(lengths, Batching(), "x", 0, 0), lengths) > 0.95
    assert abs(np.corrcoef(np.argsort(first), np.argsort(second))[0, 1]) < 0.05


def test_a_budget_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="expected batch_size and max_steps >= 1"):
        Batching(batch_size=0)


def test_a_negative_depth_is_refused() -> None:
    with pytest.raises(ValueError, match="loader: expected depth >= 0, got -1"):
        Batching(depth=-1)
