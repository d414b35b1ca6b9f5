"""The index: a row per item that could be decoded, with all there is to know about it."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rnnmm.manifest import SPLITS, Item, Manifest
from rnnmm.store.commit import new_digest, put
from rnnmm.store.ledger import Entry
from rnnmm.store.plan import ShardPlan
from rnnmm.store.shard import Block, ShardFile, map_shard

INDEX_NAME = "index.parquet"

SEGMENT_COLUMNS = ("segment_starts_s", "segment_ends_s", "segment_labels")
"""A list per item each; null where nothing is known. There where some item of a store has them."""

_COLUMNS = pa.schema(
    [
        ("id", pa.string()),
        ("path", pa.string()),
        ("start_s", pa.float64()),
        ("end_s", pa.float64()),
        ("split", pa.string()),
        ("text", pa.string()),
        ("speaker", pa.string()),
        ("label", pa.string()),
        ("captions", pa.list_(pa.string())),
        ("group", pa.string()),
        ("shard", pa.string()),
        ("row", pa.int64()),
        ("num_samples", pa.int64()),
        ("num_frames", pa.int64()),
        ("height", pa.int64()),
        ("width", pa.int64()),
        ("num_feature_frames", pa.int64()),
        ("feature_dim", pa.int64()),
        ("crc32", pa.uint32()),
    ]
)
# Where a payload lies and how large it is: 0 where there is none.
_PAYLOAD = tuple(field.name for field in _COLUMNS if pa.types.is_integer(field.type))
_SEGMENT_TYPES = (pa.list_(pa.float64()), pa.list_(pa.float64()), pa.list_(pa.string()))


def build_index(shard_dir: Path, plans: Sequence[ShardPlan]) -> tuple[pa.Table, list[Entry]]:
    """Reads back what became of every planned item.

    Returns:
        The index of the good items and the ledger entries of the others, in manifest order.
    """
    rows, lost = [], []
    for plan in plans:
        facts = shard_facts(shard_dir / f"{plan.key}.arrow")
        for position, (item, (fault, fact)) in enumerate(zip(plan.items, facts, strict=True)):
            if fault:
                lost.append(Entry(item.id, item.path, "decode", fault))
            else:
                rows.append({**_item_facts(item), "shard": plan.key, "row": position, **fact})
    planned = (item for plan in plans for item in plan.items)
    return pa.Table.from_pylist(rows, schema=_schema(planned)), lost


def index_items(items: Sequence[Item]) -> pa.Table:
    """The index of items without a payload."""
    rows = [{**_item_facts(item), **dict.fromkeys(_PAYLOAD, 0)} for item in items]
    return pa.Table.from_pylist(rows, schema=_schema(items))


def write_index(folder: Path, index: pa.Table) -> Path:
    """Writes the index of a store, whole or not at all, and returns its path; does not sync it."""
    path = folder / INDEX_NAME
    put(path, lambda temp: pq.write_table(index, temp), lambda temp: _check(temp, index))
    return path


def read_index(path: Path) -> pa.Table:
    """The index of a store.

    Raises:
        ValueError: The file is damaged.
    """
    try:
        with pq.ParquetFile(path) as file:
            index = file.read()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise ValueError(
            f"{path}: expected the index of a store, got a damaged file; run preprocess again "
            f"to restore it"
        ) from error
    return index


def index_digest(index: pa.Table, shards: Sequence[ShardFile]) -> str:
    """One digest over every index row and the content of every shard."""
    total = new_digest()
    for row in index.to_pylist():
        total.update(json.dumps(row).encode())
    for shard in shards:
        total.update(f"{shard.key} {shard.digest}\n".encode())
    return total.hexdigest()


def count_splits(manifest: Manifest, index: pa.Table) -> dict[str, int]:
    """How many items of each split are in the store."""
    wanted, stored = {item.split for item in manifest.items}, index["split"].to_pylist()
    return {split: stored.count(split) for split in SPLITS if split in wanted}


def shard_facts(path: Path) -> Iterator[tuple[str, dict[str, int]]]:
    """What became of each row of a shard: its fault, and the index columns of its payload."""
    for block in map_shard(path):
        faults, facts = block.faults.to_pylist(), _block_facts(block)
        names = list(facts)
        for fault, values in zip(faults, zip(*(facts[name].tolist() for name in names))):
            yield fault, dict(zip(names, values))


def _block_facts(block: Block) -> dict[str, Any]:
    num_frames, height, width, _ = block.frame_shapes.T
    return {
        "num_samples": block.audio.lengths(),
        "num_frames": num_frames,
        "height": height,
        "width": width,
        "num_feature_frames": block.features.lengths() // np.maximum(block.feature_dims, 1),
        "feature_dim": block.feature_dims,
        "crc32": block.crc32s,
    }


def _item_facts(item: Item) -> dict[str, object]:
    facts = {name: getattr(item, name) for name in Item.__dataclass_fields__}
    segments = facts.pop("segments")
    if segments is None:
        return facts
    parts = ([segment[part] for segment in segments] for part in range(len(SEGMENT_COLUMNS)))
    return {**facts, **dict(zip(SEGMENT_COLUMNS, parts))}


def _schema(items: Iterable[Item]) -> pa.Schema:
    if all(item.segments is None for item in items):
        return _COLUMNS
    return pa.schema([*_COLUMNS, *map(pa.field, SEGMENT_COLUMNS, _SEGMENT_TYPES)])


def _check(path: Path, index: pa.Table) -> None:
    if not read_index(path).equals(index):
        raise OSError(f"{path}: what was written cannot be read back; is the disk sound?")
