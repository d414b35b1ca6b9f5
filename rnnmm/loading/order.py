"""Batch order as a function: which items form which step, from a seed and an epoch alone.

Nothing is kept between steps or epochs: ``epoch_order(...).share(step, rank, world)`` depends on
its arguments alone, so resuming at any step needs no replay, and neither the number of threads
nor the history of a run can change what a model sees.

A step's batch belongs to all ranks together, and so do the budgets: a rank holds 1/world of them.
Its items, by length, are dealt in turn: rank r of W takes items r, r + W, r + 2W ... So step k
covers the same items in the same order on 1, 2 or 4 ranks, every rank has every step, and the
longest items of a step are shared out evenly.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rnnmm.domain import Count, Size

_BUCKET_BATCHES = 24  # batches cut from one sorted run: long enough to pack, short to shuffle
_LEAST_RUNS = 2  # of one run alone the same items would meet in every epoch

Int64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Batching:
    """How many items travel together.

    Args:
        batch_size: most items in a step, over all ranks; a multiple of ``shares``.
        max_steps: most items x longest length in a step, over all ranks; None: no such bound. In
            the unit of the lengths: samples of audio are seconds, frames x pixels and frames x
            tokens come as two lengths an item. A step that cannot be made smaller is not: see
            `epoch_order`.
        depth: batches made ahead of time; 0: none, each when it is asked for.
        shares: equal parts that a step can be dealt in. Any number of ranks that divides it sees
            the same steps, so it stays as it is when the number of ranks changes.
        cached: feed one batch again and again, to see how fast training could be at best; what
            it trains is of no use.
        curriculum_epochs: in so many first epochs the steps come by the length of their longest
            item, shortest first, instead of shuffled; None: in none.

    Source:
        The curriculum: Amodei et al. 2016, "Deep Speech 2", arXiv 1512.02595 (SortaGrad).
    """

    batch_size: Size = 16
    max_steps: Size | None = None
    depth: Count = 2
    shares: Size = 1
    cached: bool = False
    curriculum_epochs: Size | None = None

    def __post_init__(self) -> None:
        if self.depth < 0:
            raise ValueError(f"loader: expected depth >= 0, got {self.depth}")
        if self.batch_size < 1 or (self.max_steps is not None and self.max_steps < 1):
            raise ValueError(
                f"loader: expected batch_size and max_steps >= 1, got {self.batch_size} and "
                f"{self.max_steps}"
            )
        if self.shares < 1 or self.batch_size % self.shares:
            raise ValueError(
                f"loader: expected shares >= 1 and batch_size a multiple of it, got shares "
                f"{self.shares} and batch_size {self.batch_size}"
            )


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """The steps of one epoch, any of which is found at once.

    Args:
        items: ``(items,)`` positions of all items, batch by batch, by length inside a batch.
        bounds: ``(steps + 1,)`` where in ``items`` each batch begins, and the end.
        turns: ``(steps,)`` which batch is due at each step.
        shares: what the number of ranks must divide.
    """

    items: Int64
    bounds: Int64
    turns: Int64
    shares: int = 1

    def __len__(self) -> int:
        return len(self.turns)

    def __getitem__(self, step: int) -> Int64:
        """``(B,)`` the items of a step, over all ranks."""
        batch = self.turns[step]
        return self.items[self.bounds[batch] : self.bounds[batch + 1]]

    def __iter__(self) -> Iterator[Int64]:
        return (self[step] for step in range(len(self)))

    def share(self, step: int, rank: int, world: int) -> Int64:
        """``(B / world,)`` the items of a step that one rank is given; never none.

        Raises:
            ValueError: ``world`` does not divide the shares that the order was made for.
        """
        assert 0 <= rank < world, (rank, world)
        if self.shares % world:
            raise ValueError(
                f"loader: expected shares to be a multiple of the {world} ranks, got "
                f"{self.shares}; set loader.shares={world}"
            )
        return self[step][rank::world]


@dataclass(frozen=True, slots=True, eq=False)
class RankSteps(Sequence[list[int]]):
    """The rows of one rank's batches, made when they are asked for.

    Args:
        order: of the epoch.
        rows: ``(items,)`` the row of the store that each item of the order stands for.
        rank: this process, in 0..world - 1.
        world: processes that train together.
        start: step at which iterating begins; the length counts the whole epoch all the same.
    """

    order: Order
    rows: Int64
    rank: int = 0
    world: int = 1
    start: int = 0

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, step: int) -> list[int]:  # type: ignore[override] # no slices
        return self.rows[self.order.share(step, self.rank, self.world)].tolist()  # type: ignore[no-any-return]

    def __iter__(self) -> Iterator[list[int]]:
        return (self[step] for step in range(self.start, len(self)))


def epoch_order(
    lengths: Int64, batching: Batching, fingerprint: str, seed: int, epoch: int
) -> Order:
    """The shuffled, length-bucketed steps of one training epoch.

    Items are shuffled, cut into runs of a few dozen batches, sorted by length inside a run, cut
    into batches, and the batches shuffled. Each item occurs exactly once, and each step has at
    least one item for every rank. The number of items is a multiple of ``shares`` in all steps but
    one, which takes the remainder, too, and in which some ranks have one item more than others.
    A step keeps both budgets, rounded up to a multiple of ``shares`` items, unless it has fewer
    than two items a share: with less, some rank would have nothing. In the epochs of a curriculum
    the same batches come shortest first; those of one length stay shuffled.

    Args:
        lengths: ``(items,)`` steps of each item, >= 1; or ``(axes, items)``, one row for each
            axis that is padded: a batch then costs items x longest x longest of the next axis
            and so on, and is sorted by the first.
        batching: the budget of a step.
        fingerprint: what the items are; another dataset has another order.
        seed: of the run.
        epoch: counted from 0.

    Returns:
        Steps of positions into the items. Ten million items take about two seconds and half a
        gigabyte.

    Raises:
        ValueError: There are fewer items than shares.
    """
    sizes = _sizes(lengths, batching)
    generator = np.random.Generator(np.random.Philox(_key(fingerprint, seed, epoch)))
    items = generator.permutation(sizes.shape[1])
    blocks = _blocks(items, sizes, batching)
    for block in blocks:
        by_length = np.argsort(sizes[0][block], axis=1, kind="stable")
        block[:] = np.take_along_axis(block, by_length, axis=1)
    bounds = _bounds(blocks, sizes, batching)
    turns = generator.permutation(len(bounds) - 1)
    if epoch < (batching.curriculum_epochs or 0):
        longest = np.maximum.reduceat(sizes[0][items], bounds[:-1])
        turns = turns[np.argsort(longest[turns], kind="stable")]
    return Order(items, bounds, turns, batching.shares)


def sorted_order(lengths: Int64, batching: Batching) -> Order:
    """The steps of an evaluation: by length, so that little is padded; nothing is dealt to ranks.

    Arguments and promises as above, for one share.
    """
    batching = replace(batching, shares=1)
    sizes = _sizes(lengths, batching)
    items = np.argsort(sizes[0], kind="stable")
    bounds = _bounds(_blocks(items, sizes, batching), sizes, batching)
    return Order(items, bounds, np.arange(len(bounds) - 1))


def padding_efficiency(order: Order, lengths: Int64) -> float:
    """Valid steps as a fraction of all steps that the batches hold, in (0, 1]."""
    sizes = np.atleast_2d(lengths)
    longest = np.maximum.reduceat(sizes[:, order.items], order.bounds[:-1], axis=1)
    padded = int((np.diff(order.bounds) * longest.prod(axis=0)).sum())
    return _total(sizes) / padded


def _sizes(lengths: Int64, batching: Batching) -> Int64:
    """``(axes, items)``"""
    sizes = np.atleast_2d(lengths)
    if sizes.shape[1] < batching.shares:
        raise ValueError(
            f"loader: expected at least {batching.shares} items, one a share, got "
            f"{sizes.shape[1]}; set loader.shares lower"
        )
    return sizes


def _blocks(items: Int64, sizes: Int64, batching: Batching) -> list[Int64]:
    """Views of the items, (runs, items of a run): the full runs, and what is left as one."""
    batch, shares = batching.batch_size, batching.shares
    if batching.max_steps is not None:
        usual = batching.max_steps * len(items) // max(1, _total(sizes))
        batch = min(batch, max(shares, usual // shares * shares))
    run = batch * min(_BUCKET_BATCHES, max(1, len(items) // (_LEAST_RUNS * batch)))
    full = len(items) // run * run
    if 0 < len(items) - full < shares:  # too few to give each rank one: leave them a run
        full -= run
    blocks = items[:full].reshape(-1, run), items[full:].reshape(1, -1)
    return [block for block in blocks if block.size]


def _bounds(blocks: Sequence[Int64], sizes: Int64, batching: Batching) -> Int64:
    """``(batches + 1,)`` where batches begin in the flattened blocks, and the end."""
    found, offset = [], 0
    for block in blocks:
        found.append(offset + _starts(block, sizes, batching))
        offset += block.size
    return np.concatenate([*found, [offset]])


def _starts(block: Int64, sizes: Int64, batching: Batching) -> Int64:
    """Where batches begin in one flattened block; a remainder goes to its shortest items."""
    shares, run = batching.shares, block.shape[1]
    groups = np.arange(run // shares) * shares + run % shares  # what cannot be cut smaller
    groups[0] = 0
    longest = sizes[:, block] if shares == 1 else _longest(sizes[:, block], groups)
    is_start = _opens(longest, shares * (1 + bool(run % shares)), batching)
    row, group = np.nonzero(is_start)
    starts: Int64 = row * run + groups[group]
    return starts


def _longest(sizes: Int64, starts: Int64) -> Int64:
    return np.maximum.reduceat(sizes, starts, axis=2)


def _opens(longest: Int64, first: int, batching: Batching) -> NDArray[np.bool_]:
    """Whether a batch begins with a group: greedily, in all runs side by side.

    Args:
        longest: ``(axes, runs, groups)``.
        first: items that the first group of each run is charged for; all others are ``shares``.
        batching: the budget.
    """
    most = np.iinfo(np.int64).max if batching.max_steps is None else batching.max_steps
    is_start = np.ones(longest.shape[1:], np.bool_)
    count, peak = np.full(longest.shape[1], first), longest[:, :, 0]
    for group in range(1, longest.shape[2]):
        here = longest[:, :, group]
        count, peak = count + batching.shares, np.maximum(peak, here)
        over = (count > batching.batch_size) | (count * peak.prod(axis=0) > most)
        is_start[:, group] = over
        count, peak = np.where(over, batching.shares, count), np.where(over, here, peak)
    return is_start


def _total(sizes: Int64) -> int:
    return int(sizes.prod(axis=0).sum())


def _key(fingerprint: str, seed: int, epoch: int) -> int:
    digest = hashlib.blake2b(f"{fingerprint}/{seed}/{epoch}".encode(), digest_size=16).digest()
    return int.from_bytes(digest, "big")
