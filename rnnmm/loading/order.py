"""Batch order as a function: which items form which batch, from a seed and an epoch alone.

Nothing is kept between epochs, so resuming at any epoch or step needs no replay, and neither the
number of workers nor the history of a run can change what a model sees.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_BUCKET_BATCHES = 24  # batches cut from one sorted run: long enough to pack, short to shuffle

Int64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Batching:
    """How many items travel together.

    Args:
        batch_size: most items in a batch.
        max_steps: most items x longest length in a batch; None: no such bound. An item longer
            than the bound forms a batch of its own.
        depth: batches made ahead of time; 0: none, each when it is asked for.
    """

    batch_size: int = 16
    max_steps: int | None = None
    depth: int = 2

    def __post_init__(self) -> None:
        if self.depth < 0:
            raise ValueError(f"loader: expected depth >= 0, got {self.depth}")
        if self.batch_size < 1 or (self.max_steps is not None and self.max_steps < 1):
            raise ValueError(
                f"loader: expected batch_size and max_steps >= 1, got {self.batch_size} and "
                f"{self.max_steps}"
            )


def epoch_order(
    lengths: Int64, batching: Batching, fingerprint: str, seed: int, epoch: int
) -> list[Int64]:
    """The shuffled, length-bucketed batches of one training epoch.

    Items are shuffled, cut into runs of a few dozen batches, sorted by length inside a run, cut
    into batches, and the batches shuffled. Each item occurs exactly once.

    Args:
        lengths: ``(items,)`` steps of each item, >= 1.
        batching: the budget of a batch.
        fingerprint: what the items are; another dataset has another order.
        seed: of the run.
        epoch: counted from 0.

    Returns:
        Batches of positions into ``lengths``.
    """
    generator = np.random.Generator(np.random.Philox(_key(fingerprint, seed, epoch)))
    shuffled = generator.permutation(len(lengths))
    run = batching.batch_size * _BUCKET_BATCHES
    batches: list[Int64] = []
    for start in range(0, len(shuffled), run):
        items = shuffled[start : start + run]
        batches += cut(items[np.argsort(lengths[items], kind="stable")], lengths, batching)
    return [batches[index] for index in generator.permutation(len(batches))]


def sorted_order(lengths: Int64, batching: Batching) -> list[Int64]:
    """The batches of an evaluation: by length, so that little is padded. Arguments as above."""
    return cut(np.argsort(lengths, kind="stable"), lengths, batching)


def cut(items: Int64, lengths: Int64, batching: Batching) -> list[Int64]:
    """Cuts items, sorted by length, into batches within the budget."""
    batches, start = [], 0
    for end in range(1, len(items) + 1):
        full = end - start == batching.batch_size
        longest = int(lengths[items[end]]) if end < len(items) else 0
        over = batching.max_steps is not None and (end + 1 - start) * longest > batching.max_steps
        if full or over or end == len(items):
            batches.append(items[start:end].astype(np.int64))
            start = end
    return batches


def padding_efficiency(batches: list[Int64], lengths: Int64) -> float:
    """Valid steps as a fraction of all steps that the batches hold, in (0, 1]."""
    padded = sum(len(batch) * int(lengths[batch].max()) for batch in batches)
    return int(lengths.sum()) / padded if padded else 1.0


def _key(fingerprint: str, seed: int, epoch: int) -> int:
    digest = hashlib.blake2b(f"{fingerprint}/{seed}/{epoch}".encode(), digest_size=16).digest()
    return int.from_bytes(digest, "big")
