import hashlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rnnmm.loading.digest import merge_shares
from rnnmm.loading.order import (
    Batching,
    RankSteps,
    epoch_order,
    padding_efficiency,
    sorted_order,
)

SHARES = st.sampled_from([1, 2, 3, 4, 8])


@st.composite
def batchings(draw: st.DrawFn) -> Batching:
    shares = draw(SHARES)
    most = draw(st.one_of(st.none(), st.integers(1, 4000)))
    epochs = draw(st.one_of(st.none(), st.integers(1, 1000)))
    return Batching(shares * draw(st.integers(1, 12)), most, 0, shares, False, epochs)


def lengths_of(axes: int) -> st.SearchStrategy[np.ndarray]:
    shapes = st.tuples(st.just(axes), st.integers(8, 300))
    return shapes.flatmap(lambda shape: arrays(np.int64, shape, elements=st.integers(1, 400)))


LENGTHS = lengths_of(1).map(np.ravel)


def speech(num_items: int) -> np.ndarray:
    """Utterances of 2 to 16 s in steps of 10 ms."""
    seconds = np.random.default_rng(0).lognormal(np.log(6), 0.6, num_items)
    return (seconds.clip(2, 16) * 100).astype(np.int64)


def slow_order(lengths: np.ndarray, batching: Batching) -> list[list[int]]:
    """The order for one share, one item at a time: easily seen to be right."""
    key = hashlib.blake2b(b"x/0/0", digest_size=16).digest()
    generator = np.random.Generator(np.random.Philox(int.from_bytes(key, "big")))
    items = generator.permutation(len(lengths)).tolist()
    most = batching.max_steps or 10**9
    usual = max(1, min(batching.batch_size, most * len(items) // int(lengths.sum())))
    run = usual * max(1, min(24, len(items) // (2 * usual)))
    batches: list[list[int]] = []
    for start in range(0, len(items), run):
        batches.append([])
        for item in sorted(items[start : start + run], key=lengths.__getitem__):
            count = len(batches[-1]) + 1
            if count > 1 and (count > batching.batch_size or count * lengths[item] > most):
                batches.append([])
            batches[-1].append(item)
    return [batches[turn] for turn in generator.permutation(len(batches))]


@given(lengths=LENGTHS, batching=batchings(), epoch=st.integers(0, 1000))
def test_each_item_occurs_once_and_the_budget_is_kept(
    lengths: np.ndarray, batching: Batching, epoch: int
) -> None:
    orders = epoch_order(lengths, batching, "x", 0, epoch), sorted_order(lengths, batching)
    for order, shares in zip(orders, (batching.shares, 1)):
        assert sorted(np.concatenate(list(order)).tolist()) == list(range(len(lengths)))
        for batch in order:
            charged = -(-len(batch) // shares) * shares
            cost = charged * lengths[batch].max()
            is_least = shares <= len(batch) < 2 * shares
            assert len(batch) <= batching.batch_size or is_least
            assert batching.max_steps is None or cost <= batching.max_steps or is_least
        uneven = [len(batch) for batch in order if len(batch) % shares]
        assert len(uneven) == (len(lengths) % shares > 0)


@given(lengths=LENGTHS, batching=batchings(), data=st.data())
def test_ranks_share_every_step(lengths: np.ndarray, batching: Batching, data) -> None:
    order = epoch_order(lengths, batching, "x", 0, 0)
    worlds = [world for world in range(1, 9) if batching.shares % world == 0]
    world = data.draw(st.sampled_from(worlds))
    for step, batch in enumerate(order):
        shares = [order.share(step, rank, world).tolist() for rank in range(world)]
        assert merge_shares(shares) == batch.tolist()  # disjoint, complete, in the same order
        sizes = sorted(map(len, shares))
        assert 1 <= sizes[0] <= sizes[-1] <= sizes[0] + -(-batching.shares // world)
        costs = [len(share) * lengths[share].max() for share in shares]
        if batching.max_steps is not None and len(batch) >= 2 * batching.shares:
            assert max(costs) * world <= batching.max_steps


@given(lengths=lengths_of(2), shares=SHARES, most=st.integers(200, 400_000))
def test_a_batch_costs_the_product_of_its_axes(lengths, shares: int, most: int) -> None:
    order = epoch_order(lengths, Batching(24 * shares, most, shares=shares), "x", 0, 0)
    assert sorted(np.concatenate(list(order)).tolist()) == list(range(lengths.shape[1]))
    costs = [len(batch) * lengths[:, batch].max(axis=1).prod() for batch in order]
    assert all(cost <= most or len(batch) < 2 * shares for cost, batch in zip(costs, order))
    assert padding_efficiency(order, lengths) == pytest.approx(
        lengths.prod(axis=0).sum() / sum(costs)
    )


@given(
    lengths=LENGTHS,
    batch_size=st.integers(1, 9),
    most=st.one_of(st.none(), st.integers(1, 4000)),
)
def test_runs_cut_side_by_side_equal_runs_cut_item_by_item(
    lengths: np.ndarray, batch_size: int, most: int | None
) -> None:
    batching = Batching(batch_size, most)
    order = [batch.tolist() for batch in epoch_order(lengths, batching, "x", 0, 0)]
    assert order == slow_order(lengths, batching)


@given(lengths=LENGTHS, batching=batchings(), epoch=st.integers(0, 4))
def test_a_curriculum_is_the_same_batches_shortest_first(
    lengths: np.ndarray, batching: Batching, epoch: int
) -> None:
    shuffled = epoch_order(lengths, replace(batching, curriculum_epochs=None), "x", 0, epoch)
    order = epoch_order(lengths, replace(batching, curriculum_epochs=3), "x", 0, epoch)
    batches, usual = ([batch.tolist() for batch in one] for one in (order, shuffled))
    longest = [lengths[batch].max() for batch in batches]
    if epoch >= 3:  # then all is as without
        assert batches == usual
    else:
        assert longest == sorted(longest)
        assert sorted(batches) == sorted(usual)


def test_batches_of_one_length_stay_shuffled_in_a_curriculum() -> None:
    batching = Batching(4, curriculum_epochs=2)
    orders = [epoch_order(np.full(80, 7), batching, "x", 0, epoch) for epoch in (0, 1)]
    plain = epoch_order(np.full(80, 7), Batching(4), "x", 0, 0)
    assert orders[0].turns.tolist() == plain.turns.tolist() != orders[1].turns.tolist()


def test_the_order_is_a_function() -> None:
    lengths = np.arange(1, 200)

    def order(fingerprint: str = "x", seed: int = 0, epoch: int = 0) -> list[list[int]]:
        steps = epoch_order(lengths, Batching(), fingerprint, seed, epoch)
        return [batch.tolist() for batch in steps]

    assert order() == order()
    assert len({str(order()), str(order("y")), str(order(seed=1)), str(order(epoch=1))}) == 4


@pytest.mark.parametrize("batching", [Batching(), Batching(4096, 9600, shares=4)])
def test_little_is_padded_and_much_is_shuffled(batching: Batching) -> None:
    lengths = speech(20_000)
    orders = [epoch_order(lengths, batching, "x", 0, epoch) for epoch in (0, 1)]
    first, second = (np.concatenate(list(order)) for order in orders)
    assert padding_efficiency(orders[0], lengths) > 0.95
    assert abs(np.corrcoef(np.argsort(first), np.argsort(second))[0, 1]) < 0.05


def test_batches_of_a_small_dataset_are_not_the_same_every_epoch() -> None:
    lengths = np.arange(1, 161)
    orders = [epoch_order(lengths, Batching(16), "x", 0, epoch) for epoch in range(2)]
    first, second = ({frozenset(batch.tolist()) for batch in order} for order in orders)
    assert len(first) == 10
    assert not first & second


def test_the_steps_of_a_rank_begin_where_it_is_told() -> None:
    order = epoch_order(np.arange(1, 41), Batching(8, shares=2), "x", 0, 0)
    rows = np.arange(100, 140)
    every = list(RankSteps(order, rows, 1, 2))
    late = RankSteps(order, rows, 1, 2, start=3)
    assert len(every) == len(late) == len(order)
    assert list(late) == every[3:] == [late[step] for step in range(3, len(order))]
    assert every[0] == rows[order.share(0, 1, 2)].tolist()


def test_ranks_that_do_not_divide_the_shares_are_refused() -> None:
    order = epoch_order(np.arange(1, 9), Batching(4, shares=2), "x", 0, 0)
    match = "expected shares to be a multiple of the 4 ranks, got 2; set loader.shares=4"
    with pytest.raises(ValueError, match=match):
        order.share(0, 0, 4)


def test_fewer_items_than_shares_are_refused() -> None:
    assert len(epoch_order(np.arange(1, 5), Batching(4, shares=4), "x", 0, 0)) == 1
    with pytest.raises(ValueError, match="expected at least 4 items, one a share, got 3"):
        epoch_order(np.arange(1, 4), Batching(4, shares=4), "x", 0, 0)


def test_an_evaluation_is_not_dealt() -> None:
    order = sorted_order(np.array([5, 2, 9]), Batching(4, 12, shares=4))
    assert [batch.tolist() for batch in order] == [[1, 0], [2]]


def test_a_budget_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="expected batch_size and max_steps >= 1"):
        Batching(batch_size=0)


def test_shares_that_do_not_divide_a_batch_are_refused() -> None:
    with pytest.raises(ValueError, match="batch_size a multiple of it, got shares 3 and batch_s"):
        Batching(batch_size=16, shares=3)
    with pytest.raises(ValueError, match="expected shares >= 1"):
        Batching(shares=0)


def test_a_negative_depth_is_refused() -> None:
    with pytest.raises(ValueError, match="loader: expected depth >= 0, got -1"):
        Batching(depth=-1)
