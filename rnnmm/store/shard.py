"""One shard: an Arrow file with the decoded media of a run of items.

A row per planned item, in order. An item that could not be decoded keeps its row, with the reason
in ``fault`` and no payload, so a shard says by itself what became of each item. Streams that were
not wanted or not found are empty, never null.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rnnmm.store.commit import put, start_sync
from rnnmm.store.row import Row, payload_crc32

SCHEMA = 2  # of everything in a store; to be raised when equal inputs give other bytes than before

_COLUMNS = pa.schema(
    [
        ("id", pa.string()),
        ("fault", pa.string()),
        ("audio", pa.large_list(pa.int16())),
        ("frames", pa.large_binary()),
        ("num_frames", pa.int32()),
        ("height", pa.int32()),
        ("width", pa.int32()),
        ("packet_bytes", pa.large_list(pa.int32())),
        ("features", pa.large_list(pa.float32())),
        ("feature_dim", pa.int32()),
        ("crc32", pa.uint32()),
    ]
)
_BATCH_BYTES = 8 << 20  # what the writer holds before it lets go of a record batch


@dataclass(frozen=True)
class ShardFile:
    """A finished shard.

    Args:
        key: its name without the suffix.
        size: in bytes.
        digest: BLAKE2b-128 of the file.
    """

    key: str
    size: int
    digest: str


@dataclass(frozen=True)
class Ragged:
    """Rows of unequal length in one flat array.

    Args:
        offsets: ``(rows + 1,)`` int64, where each row starts and the last one ends.
        values: ``(total,)``, all rows one after the other.
    """

    offsets: NDArray[np.int64]
    values: NDArray[Any]

    def __getitem__(self, row: int) -> NDArray[Any]:
        return self.values[self.offsets[row] : self.offsets[row + 1]]

    def lengths(self) -> NDArray[np.int64]:
        """``(rows,)``"""
        return np.diff(self.offsets)


@dataclass(frozen=True)
class Block:
    """One record batch of a mapped shard; every array is a read-only view of the file.

    Args:
        ids, faults: Arrow arrays with a string per row.
        audio: int16 samples.
        frames: uint8, rows of ``T * H * W * 3``, or of the packets of a film.
        packet_bytes: int32, rows of T, the sizes of a film's packets; empty for raw frames.
        features: float32, rows of ``T * F``.
        frame_shapes: ``(rows, 4)`` int64, the T, H, W, 3 of each row.
        feature_dims: ``(rows,)`` int64, the F of each row; 0 where there are none.
        crc32s: ``(rows,)`` int64, of each row's payload.
    """

    ids: pa.StringArray
    faults: pa.StringArray
    audio: Ragged
    frames: Ragged
    packet_bytes: Ragged
    features: Ragged
    frame_shapes: NDArray[np.int64]
    feature_dims: NDArray[np.int64]
    crc32s: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ids)

    def payload_crc32(self, row: int) -> int:
        """CRC-32 of a row's payload as it stands in the file now."""
        payload = (self.audio, self.frames, self.features, self.packet_bytes)
        return payload_crc32(*(values[row] for values in payload))


def write_shard(path: Path, ids: Sequence[str], rows: Iterable[Row]) -> None:
    """Writes a shard, or nothing at all, and checks what it has written.

    Does not wait until it is on the disk.

    Args:
        path: its final name.
        ids: of the rows that are to come, in order.
        rows: taken one by one; no more than a record batch of them is held in memory.

    Raises:
        OSError: The disk is full, or the folder cannot be written to. No file is left behind.
    """
    put(path, lambda temp: _write(temp, rows), lambda temp: check_shard(temp, ids))


def adopt_shard(path: Path, ids: Sequence[str]) -> bool:
    """Whether a sound shard is in place already, or could be linked in from a sister store.

    Sister stores hold equal shards where only texts, labels or splits have changed since.

    Args:
        path: ``store/shards/KEY.arrow``.
        ids: what it must hold, in order.
    """
    for found in [path, *sorted(path.parents[2].glob(f"*/{path.parent.name}/{path.name}"))]:
        with suppress(ValueError, OSError):
            check_shard(found, ids)
            if found != path:
                path.unlink(missing_ok=True)
                path.hardlink_to(found)
            return True
    return False


def map_shard(path: Path) -> list[Block]:
    """Maps a shard into memory without reading its payload.

    No file descriptor stays open. The views keep the mapping alive, also after the file's removal.

    Raises:
        ValueError: The file is no whole shard.
    """
    try:
        with pa.memory_map(str(path)) as source:
            table = pa.ipc.open_file(source).read_all()
        table.validate(full=True)
        if table.schema != _COLUMNS:
            raise ValueError("its columns are not those of a shard")
        return [_block(batch) for batch in table.to_batches()]
    except (ValueError, pa.ArrowException, OSError) as error:
        raise ValueError(
            f"{path}: expected a whole shard, got a damaged file ({_one_line(error)}); "
            f"delete it and run preprocess again"
        ) from error


def check_shard(path: Path, ids: Sequence[str] | None = None) -> None:
    """Reads a whole shard and compares every payload with its CRC-32.

    Args:
        path: the shard.
        ids: what it must hold, in order; None: anything.

    Raises:
        ValueError: The file is no whole shard, holds other items, or a payload has changed.
    """
    blocks = map_shard(path)
    if ids is not None and [id for block in blocks for id in block.ids.to_pylist()] != list(ids):
        raise ValueError(f"{path}: expected the {len(ids)} planned items, got other ones")
    for block in blocks:
        for row, id in enumerate(block.ids.to_pylist()):
            if block.payload_crc32(row) != block.crc32s[row]:
                raise ValueError(
                    f"{path}: the payload of item {id} differs from its CRC-32: the file has "
                    f"changed since it was written; delete it and run preprocess again"
                )


def _write(path: Path, rows: Iterable[Row]) -> None:
    with path.open("xb") as file, pa.ipc.new_file(file, _COLUMNS) as writer:
        for batch in _batches(rows):
            writer.write_batch(batch)
            start_sync(file.fileno())  # the disk works while the next batch is decoded


def _batches(rows: Iterable[Row]) -> Iterator[pa.RecordBatch]:
    held: list[Row] = []
    num_bytes = 0
    for row in rows:
        held.append(row)
        num_bytes += row.num_bytes
        if num_bytes >= _BATCH_BYTES:
            yield _batch(held)
            held, num_bytes = [], 0
    if held:
        yield _batch(held)


def _batch(rows: list[Row]) -> pa.RecordBatch:
    columns = [
        pa.array([row.id for row in rows], pa.string()),
        pa.array([row.fault for row in rows], pa.string()),
        _list_array([row.audio for row in rows], pa.int16()),
        _binary_array([row.frames for row in rows]),
        *(_int_array([row.frame_shape[axis] for row in rows]) for axis in range(3)),
        _list_array([row.packet_bytes for row in rows], pa.int32()),
        _list_array([row.features for row in rows], pa.float32()),
        _int_array([row.features.shape[1] for row in rows]),
        pa.array([row.crc32 for row in rows], pa.uint32()),
    ]
    return pa.record_batch(columns, schema=_COLUMNS)


def _list_array(rows: list[NDArray[Any]], dtype: pa.DataType) -> pa.LargeListArray:
    values = np.concatenate([row.reshape(-1) for row in rows])
    return pa.LargeListArray.from_arrays(_offsets(rows), pa.array(values, dtype))


def _binary_array(rows: list[NDArray[np.uint8]]) -> pa.LargeBinaryArray:
    values = np.concatenate([row.reshape(-1) for row in rows])
    buffers = [None, pa.py_buffer(_offsets(rows)), pa.py_buffer(values)]
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(rows), buffers)


def _offsets(rows: list[NDArray[Any]]) -> NDArray[np.int64]:
    return np.cumsum([0, *(row.size for row in rows)], dtype=np.int64)


def _int_array(values: list[int]) -> pa.Int32Array:
    return pa.array(values, pa.int32())


def _block(batch: pa.RecordBatch) -> Block:
    geometry = [_int64(batch[name]) for name in ("num_frames", "height", "width")]
    block = Block(
        ids=batch["id"],
        faults=batch["fault"],
        audio=_ragged_list(batch["audio"]),
        frames=_ragged_binary(batch["frames"]),
        packet_bytes=_ragged_list(batch["packet_bytes"]),
        features=_ragged_list(batch["features"]),
        frame_shapes=np.stack([*geometry, np.full(len(batch), 3)], axis=1),
        feature_dims=_int64(batch["feature_dim"]),
        crc32s=_int64(batch["crc32"]),
    )
    whole_features = not np.any(block.features.lengths() % np.maximum(block.feature_dims, 1))
    if not whole_features or not _has_whole_frames(block):
        raise ValueError("its lengths do not fit its shapes")
    return block


def _has_whole_frames(block: Block) -> bool:
    num_packets = block.packet_bytes.lengths()
    if np.any((num_packets > 0) & (num_packets != block.frame_shapes[:, 0])):
        return False
    ends = np.concatenate([[0], np.cumsum(block.packet_bytes.values, dtype=np.int64)])
    filmed = np.diff(ends[block.packet_bytes.offsets])
    expected = np.where(num_packets > 0, filmed, block.frame_shapes.prod(axis=1))
    return np.array_equal(expected, block.frames.lengths())


def _int64(column: pa.Array) -> NDArray[np.int64]:
    return np.asarray(column).astype(np.int64)


def _ragged_list(column: pa.LargeListArray) -> Ragged:
    return Ragged(column.offsets.to_numpy(), column.values.to_numpy())


def _ragged_binary(column: pa.LargeBinaryArray) -> Ragged:
    _, offsets, values = column.buffers()
    flat = np.frombuffer(values or b"", np.uint8)
    return Ragged(np.frombuffer(offsets, np.int64)[: len(column) + 1], flat)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
