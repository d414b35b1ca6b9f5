"""From a store to another one whose payload is computed from it, item by item."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rnnmm.domain import Fraction
from rnnmm.store.commit import digest_bytes, digest_file
from rnnmm.store.executor import Progress
from rnnmm.store.folder import alone_in, describe, is_finished, sync_shards
from rnnmm.store.index import shard_facts
from rnnmm.store.ledger import Entry, check_bad_fraction, read_ledger, write_ledger
from rnnmm.store.reader import SHARD_DIR, Store
from rnnmm.store.row import Row, faulty_row, feature_row, frame_row
from rnnmm.store.shard import SCHEMA, ShardFile, adopt_shard, write_shard

Compute = Callable[[int], NDArray[np.float32] | NDArray[np.uint8]]
"""A row of the source to what takes its place; a ValueError is a verdict on the item.

Features ``(T, F)`` float32 or, where those are pictures again, frames ``(T, H, W, 3)`` uint8.
"""


@dataclass(frozen=True)
class _Plan:
    """A shard to make: its key, and the rows of the source that go in."""

    key: str
    rows: Sequence[int]
    ids: Sequence[str]


def derive_features(
    source: Store,
    root: Path,
    fingerprint: str,
    compute: Compute,
    *,
    facts: Mapping[str, Any],
    max_bad_fraction: Fraction = 0.01,
    progress: Progress | None = None,
) -> Path:
    """Computes the features of every item of a store, or continues where a killed run stopped.

    All that is known of the items stays; their sound and pictures stay behind. As with
    `rnnmm.store.preprocess.preprocess`, the name holds a digest of all that goes in, a finished
    store is found again, and shards of sister stores that are still right are linked in.

    Args:
        source: finished.
        root: folder of all stores.
        fingerprint: of what computes; equal ones must give equal features.
        compute: called once an item, in order.
        facts: what ``store.json`` says of it, beside the source's own facts.
        max_bad_fraction: largest part of the items that may be lost, those that the source has
            lost included.
        progress: told how far it is.

    Returns:
        The store's folder, ``root/<name>-features-<first 16 digits of its key>``.

    Raises:
        ValueError: Too many items are bad.
        OSError: The store cannot be written.
    """
    key = digest_bytes(f"{SCHEMA} {source.fingerprint} {fingerprint}".encode())
    folder = Path(root).absolute() / f"{source.info['name']}-features-{key[:16]}"
    (folder / SHARD_DIR).mkdir(parents=True, exist_ok=True)
    if not is_finished(folder):
        with alone_in(folder):
            if not is_finished(folder):  # by the run that was waited for
                plans = _plan(source, fingerprint)
                shards = _make(folder, plans, compute, progress or _untold)
                _finish(folder, source, plans, shards, facts, max_bad_fraction)
    check_bad_fraction(folder, source.info["num_items"], max_bad_fraction)
    return folder


def _plan(source: Store, fingerprint: str) -> list[_Plan]:
    """A shard for each of the source's that holds a good item."""
    plans, shards, ids = [], np.array(source.column("shard")), source.ids
    for shard in source.info["shards"]:
        rows = np.flatnonzero(shards == shard["key"]).tolist()
        own = [ids[row] for row in rows]
        what = json.dumps([SCHEMA, fingerprint, source.content_digest(shard), own])
        if rows:
            plans.append(_Plan(digest_bytes(what.encode()), rows, own))
    return plans


def _make(
    folder: Path, plans: Sequence[_Plan], compute: Compute, progress: Progress
) -> list[ShardFile]:
    shards, done, bad = [], 0, 0
    total = sum(len(plan.rows) for plan in plans)
    progress(done, total, bad)
    for plan in plans:
        path = folder / SHARD_DIR / f"{plan.key}.arrow"
        if not adopt_shard(path, plan.ids):
            write_shard(path, plan.ids, _rows(plan, compute))
        shards.append(ShardFile(plan.key, path.stat().st_size, digest_file(path)))
        done += len(plan.rows)
        bad += sum(fault != "" for fault, _ in shard_facts(path))
        progress(done, total, bad)
    return shards


def _rows(plan: _Plan, compute: Compute) -> Iterator[Row]:
    for row, id in zip(plan.rows, plan.ids):
        try:
            yield _row(id, compute(row))
        except ValueError as error:
            yield faulty_row(id, " ".join(str(error).split()))


def _row(id: str, payload: NDArray[Any]) -> Row:
    return frame_row(id, payload) if payload.dtype == np.uint8 else feature_row(id, payload)


def _finish(
    folder: Path,
    source: Store,
    plans: Sequence[_Plan],
    shards: Sequence[ShardFile],
    facts: Mapping[str, Any],
    max_bad_fraction: float,
) -> None:
    sync_shards(folder / SHARD_DIR, [plan.key for plan in plans])
    index, lost = _index(folder, source, plans)
    write_ledger(folder, [*read_ledger(source.path), *lost])
    check_bad_fraction(folder, source.info["num_items"], max_bad_fraction)
    splits = index["split"].to_pylist()
    known = {name: source.info[name] for name in ("name", "decoding", "findings", "num_items")}
    counts = {
        "num_bad": source.info["num_bad"] + len(lost),
        "splits": {split: splits.count(split) for split in source.info["splits"]},
    }
    describe(folder, index, shards, {**known, **counts, **facts})


def _index(folder: Path, source: Store, plans: Sequence[_Plan]) -> tuple[pa.Table, list[Entry]]:
    """The source's index with other payloads, without the items that are lost now."""
    payloads: dict[int, dict[str, object]] = {}
    lost = {}
    paths = source.column("path")
    for plan in plans:
        found = shard_facts(folder / SHARD_DIR / f"{plan.key}.arrow")
        for place, (row, (fault, payload)) in enumerate(zip(plan.rows, found, strict=True)):
            if fault:
                lost[row] = Entry(source.ids[row], paths[row], "decode", fault)
            else:
                payloads[row] = {"shard": plan.key, "row": place, **payload}
    kept = sorted(payloads)
    index = source.index.take(kept)
    for name in payloads[kept[0]] if kept else ():
        number = index.column_names.index(name)
        values = pa.array([payloads[row][name] for row in kept], index.schema.field(name).type)
        index = index.set_column(number, name, values)
    return index, [lost[row] for row in sorted(lost)]


def _untold(done: int, total: int, bad: int) -> None:
    """Nobody wants to know how far it is."""
