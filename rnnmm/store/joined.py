"""A store whose items are long recordings, made of another's items one after the other."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rnnmm.domain import Positive, Seed
from rnnmm.manifest import SPLITS
from rnnmm.store.commit import digest_bytes
from rnnmm.store.reader import Store, open_store

_ABSENT = ("num_frames", "height", "width", "num_feature_frames", "feature_dim")


@dataclass(frozen=True, slots=True)
class Joining:
    """How items become long recordings: in random order, one directly after the other.

    Every item of a split is heard equally often, so that what is understood of the recordings can
    be compared with what is understood of the items. A split that is shorter than ``length_s`` is
    repeated, each time in another order, and becomes one recording; of a longer one there are as
    many recordings, of about one number of items, as keep that length on average.

    Args:
        length_s: of a recording.
        seed: of the order.
    """

    length_s: Positive = 1800.0
    seed: Seed = 0

    @property
    def name(self) -> str:
        """Of a folder for what was measured so; what is as usual is left out."""
        return f"joined_{self.length_s:g}s{f'_seed{self.seed}' if self.seed else ''}"

    def over(self, store: Store) -> "JoinedStore":
        """Recordings of the items of each split that have sound and a transcript."""
        parts = {split: self._recordings(store, split) for split in SPLITS}
        members = tuple(one for recordings in parts.values() for one in recordings)
        splits = [split for split, recordings in parts.items() for _ in recordings]
        note = f"{store.fingerprint} {self}"
        info = {
            **store.info,
            "name": f"{store.info['name']} joined to recordings of {self.length_s:g} s",
            "digest": digest_bytes(note.encode()),
            "splits": {split: len(recordings) for split, recordings in parts.items()},
            "num_items": len(members),
        }
        return JoinedStore(store.path, info, _index(store, members, splits), self, store, members)

    def _recordings(self, store: Store, split: str) -> list[tuple[int, ...]]:
        """The rows in each recording, in order."""
        rows = np.array([
            row for row in store.rows(split).tolist()
            if store.num_samples[row] and store.text(row) is not None
        ], np.int64)  # fmt: skip
        if not len(rows):
            return []
        duration_s = int(store.num_samples[rows].sum()) / store.info["decoding"]["sample_rate"]
        chance = np.random.default_rng(self.seed)
        num_rounds = math.ceil(round(self.length_s / duration_s, 6))
        order = np.concatenate([chance.permutation(rows) for _ in range(num_rounds)])
        num_recordings = max(1, math.floor(round(duration_s / self.length_s, 6)))
        return [tuple(part.tolist()) for part in np.array_split(order, num_recordings)]


@dataclass(frozen=True, eq=False, repr=False)
class JoinedStore(Store):
    """As `Store`, made by `Joining.over`; its sound is put together when it is asked for.

    Args:
        joining: how.
        items: of which store.
        members: of each recording, the rows of ``items`` in it, in order.
    """

    joining: Joining
    items: Store
    members: tuple[tuple[int, ...], ...]

    def __reduce__(self) -> tuple[Callable[..., Store], tuple[Any, ...]]:
        return _reopen, (self.path, self.joining)

    def content_digest(self, shard: Mapping[str, Any]) -> str:
        """Not that of the file: it holds the items."""
        return digest_bytes(f"{shard['digest']} {self.fingerprint}".encode())

    def audio(self, i: int) -> NDArray[np.int16]:
        """``(N,)`` int16 PCM, of all its items."""
        return np.concatenate([self.items.audio(row) for row in self.members[i]])

    def frames(self, i: int) -> NDArray[np.uint8]:
        """``(0, 1, 1, 3)``: pictures are not joined."""
        return np.zeros((0, 1, 1, 3), np.uint8)

    def features(self, i: int) -> NDArray[np.float32]:
        """``(0, 0)``: stored features are not joined."""
        return np.zeros((0, 0), np.float32)


def _reopen(path: Any, joining: Joining) -> Store:
    return joining.over(open_store(path))


def _index(store: Store, members: tuple[tuple[int, ...], ...], splits: list[str]) -> pa.Table:
    """A row per recording; of what is not known of it as a whole, null."""
    facts = zip(members, splits, _ids(splits), strict=True)
    rows = [
        {
            "id": name, "path": name, "split": split,
            "text": " ".join(text for row in own if (text := store.text(row))),
            "num_samples": int(store.num_samples[list(own)].sum()),
            **dict.fromkeys(_ABSENT, 0),
        }
        for own, split, name in facts
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=store.index.schema)


def _ids(splits: list[str]) -> Iterator[str]:
    """``test-0``, ``test-1``: numbered in each split."""
    return (f"{split}-{splits[:place].count(split)}" for place, split in enumerate(splits))
