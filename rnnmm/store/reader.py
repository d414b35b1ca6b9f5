"""Reads a store: the index in memory, the media mapped from their files."""

import bisect
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from rnnmm.manifest import SPLITS, Segment
from rnnmm.store.commit import digest_file
from rnnmm.store.index import INDEX_NAME, SEGMENT_COLUMNS, read_index
from rnnmm.store.shard import SCHEMA, Block, check_shard, map_shard

INFO_NAME = "store.json"
SHARD_DIR = "shards"
_FIELDS = {"schema", "name", "decoding", "findings", "splits", "index", "shards", "digest"}


@dataclass(frozen=True, eq=False, repr=False)
class Store:
    """The items of a store, by row of its index; made by `open_store`.

    Arrays it gives out are read-only views of the files: nothing is copied, and pages come into
    memory when they are touched; only frames that are stored as a film are decoded, each time.
    Shards are mapped on first use. In another process it opens itself anew instead of travelling
    with its data.

    Args:
        path: the folder.
        info: the content of ``store.json``.
        index: a row per item.
    """

    path: Path
    info: dict[str, Any]
    index: pa.Table

    def __len__(self) -> int:
        return self.index.num_rows  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        splits = ", ".join(f"{split} {count}" for split, count in self.info["splits"].items())
        return f"Store({self.path.name}: {splits}; {len(self.info['shards'])} shards)"

    def __reduce__(self) -> tuple[Any, ...]:
        return open_store, (self.path,)

    @property
    def fingerprint(self) -> str:
        """Equal for equal content: index rows and media alike."""
        return str(self.info["digest"])

    def content_digest(self, shard: Mapping[str, Any]) -> str:
        """Equal for what reads equal: of one of the shards in ``info``, its file's digest."""
        return str(shard["digest"])

    @cached_property
    def ids(self) -> list[str]:
        """Of all items, in order."""
        return self.column("id")

    @cached_property
    def num_samples(self) -> NDArray[np.int64]:
        """``(items,)`` audio samples, 0 where there is no sound."""
        return self._numbers("num_samples")

    @cached_property
    def num_frames(self) -> NDArray[np.int64]:
        """``(items,)`` video frames, 0 where there is no picture."""
        return self._numbers("num_frames")

    @cached_property
    def num_feature_frames(self) -> NDArray[np.int64]:
        """``(items,)`` frames of stored features, 0 where there are none."""
        return self._numbers("num_feature_frames")

    def column(self, name: str) -> list[Any]:
        """One column of the index as Python values.

        Raises:
            ValueError: There is no such column.
        """
        if name not in self.index.column_names:
            raise ValueError(f"{self.path}: expected one of {self.index.column_names}, got {name}")
        return self.index[name].to_pylist()  # type: ignore[no-any-return]

    def segments(self) -> list[tuple[Segment, ...] | None]:
        """What goes on when in each item; None where nobody said."""
        if not set(SEGMENT_COLUMNS) <= set(self.index.column_names):
            return [None] * len(self)
        each = zip(*map(self.column, SEGMENT_COLUMNS))
        return [None if parts[0] is None else tuple(map(Segment, *parts)) for parts in each]

    def text(self, row: int) -> str | None:
        """What was said in an item, if that is known."""
        return self.index["text"][row].as_py()  # type: ignore[no-any-return]

    def rows(self, split: str) -> NDArray[np.int64]:
        """Which rows belong to a split, in order; none where the store has no such items.

        Raises:
            ValueError: ``split`` is not train, val or test.
        """
        if split not in SPLITS:
            raise ValueError(f"{self.path}: expected split train, val or test, got {split!r}")
        return np.flatnonzero(pc.equal(self.index["split"], split).to_numpy()).astype(np.int64)

    def audio(self, i: int) -> NDArray[np.int16]:
        """``(N,)`` int16 PCM."""
        block, row = self._locate(i)
        return block.audio[row]

    def frames(self, i: int) -> NDArray[np.uint8]:
        """``(T, H, W, 3)`` uint8, RGB; a view, or decoded where they are stored as a film."""
        block, row = self._locate(i)
        if len(block.packet_bytes[row]) == 0:
            return block.frames[row].reshape(block.frame_shapes[row])
        return _decoded(block, row, 0, int(block.frame_shapes[row][0]), 1)

    def clip(self, i: int, start: int, count: int, stride: int = 1) -> NDArray[np.uint8]:
        """Some frames of an item; of the others no more is touched than a film's groups require.

        Args:
            i: row of the index.
            start: the first frame, >= 0.
            count: how many, >= 1.
            stride: from one to the next, >= 1.

        Returns:
            ``(count, H, W, 3)`` uint8, RGB; a view, or decoded where they are stored as a film.

        Raises:
            ValueError: Not all of them are in the item; or its film is damaged.
        """
        block, row = self._locate(i)
        last, num_frames = start + (count - 1) * stride, int(block.frame_shapes[row][0])
        if min(start, count - 1, stride - 1) < 0 or last >= num_frames:
            raise ValueError(
                f"{self.path}: expected frames within the {num_frames} of item {self.ids[i]}, got "
                f"start {start}, count {count}, stride {stride}"
            )
        if len(block.packet_bytes[row]) == 0:
            frames = block.frames[row].reshape(block.frame_shapes[row])
            return frames[start : last + 1 : stride]
        return _decoded(block, row, start, count, stride)

    def features(self, i: int) -> NDArray[np.float32]:
        """``(T, F)`` float32."""
        block, row = self._locate(i)
        dim = int(block.feature_dims[row])
        values = block.features[row]
        return values.reshape(len(values) // max(dim, 1), dim)

    def _locate(self, i: int) -> tuple[Block, int]:
        shard = int(self._shard_numbers[i])
        if shard not in self._mapped:
            self._mapped[shard] = self._map(shard)
        starts, blocks = self._mapped[shard]
        row = int(self._shard_rows[i])
        number = bisect.bisect_right(starts, row) - 1
        return blocks[number], row - starts[number]

    def _map(self, shard: int) -> tuple[list[int], list[Block]]:
        blocks = map_shard(self.shard_path(self.info["shards"][shard]["key"]))
        starts = np.cumsum([0, *map(len, blocks)])[:-1]
        return starts.tolist(), blocks

    def shard_path(self, key: str) -> Path:
        """The file of a shard."""
        return self.path / SHARD_DIR / f"{key}.arrow"

    def _numbers(self, name: str) -> NDArray[np.int64]:
        return self.index[name].to_numpy().astype(np.int64)  # type: ignore[no-any-return]

    @cached_property
    def _mapped(self) -> dict[int, tuple[list[int], list[Block]]]:
        return {}

    @cached_property
    def _shard_numbers(self) -> NDArray[np.int64]:
        keys = pa.array([shard["key"] for shard in self.info["shards"]], pa.string())
        numbers = pc.index_in(self.index["shard"], value_set=keys).to_numpy()
        return np.asarray(numbers, np.int64)

    @cached_property
    def _shard_rows(self) -> NDArray[np.int64]:
        return self._numbers("row")


def open_store(path: Path) -> Store:
    """Opens a finished store.

    Every file's size is compared with what ``store.json`` says, so a torn file is found here and
    not as a bus error later; `verify` reads everything.

    Raises:
        ValueError: The store is not finished, of another version, or a file of it is damaged.
    """
    path = Path(path)
    info = _read_info(path)
    store = Store(path, info, read_index(path / INDEX_NAME))
    for file, size, _ in _files(store):
        _check_size(file, size)
    return store


def verify(store: Store) -> None:
    """Reads a whole store and checks every payload's CRC-32 and every file's digest.

    Raises:
        ValueError: It names the file, and the item where it is a payload that has changed.
    """
    for shard in store.info["shards"]:
        check_shard(store.shard_path(shard["key"]))
    for file, _, digest in _files(store):
        if digest_file(file) != digest:
            raise ValueError(
                f"{file}: its content differs from its digest in {INFO_NAME}; delete it and run "
                f"preprocess again to restore it"
            )


def _decoded(block: Block, row: int, start: int, count: int, stride: int) -> NDArray[np.uint8]:
    # Only those who keep films pay for loading the decoder.
    from rnnmm.media.film import Film, decode_film

    _, height, width, _ = block.frame_shapes[row].tolist()
    film = Film(block.frames[row], block.packet_bytes[row], height, width)
    return decode_film(film, start, count, stride)


def _read_info(path: Path) -> dict[str, Any]:
    try:
        info = json.loads((path / INFO_NAME).read_bytes())
        schema, missing = info["schema"], _FIELDS - info.keys()
        keys = [shard["key"] for shard in info["shards"]]
        if missing and schema == SCHEMA:
            raise ValueError(f"it lacks {sorted(missing)}")
    except FileNotFoundError:
        raise ValueError(
            f"{path}: expected a finished store, found no {INFO_NAME}; run preprocess first"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path / INFO_NAME}: expected the description of a store, got something else; "
            f"delete it and run preprocess again"
        ) from error
    if schema != SCHEMA or not all(re.fullmatch("[0-9a-f]{32}", key) for key in keys):
        raise ValueError(f"{path}: expected a store of version {SCHEMA}, got version {schema}")
    return info  # type: ignore[no-any-return]


def _files(store: Store) -> Iterator[tuple[Path, int, str]]:
    index = store.info["index"]
    yield store.path / INDEX_NAME, index["size"], index["digest"]
    for shard in store.info["shards"]:
        yield store.shard_path(shard["key"]), shard["size"], shard["digest"]


def _check_size(path: Path, expected: int) -> None:
    size = path.stat().st_size if path.is_file() else None
    if size != expected:
        got = "no file" if size is None else f"{size}"
        raise ValueError(
            f"{path}: expected {expected} bytes, got {got}; delete it and run preprocess again"
        )
