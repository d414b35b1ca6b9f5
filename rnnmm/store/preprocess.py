"""From a manifest to a store: the public ways in."""

import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa

from rnnmm.domain import Fraction, Positive, Size
from rnnmm.manifest import Manifest, check_manifest
from rnnmm.media.decode import Decoding, decode
from rnnmm.store.commit import digest_bytes
from rnnmm.store.executor import Progress, make_shards
from rnnmm.store.folder import alone_in, describe, is_finished, sync_shards
from rnnmm.store.index import build_index, count_splits, index_items
from rnnmm.store.ledger import Entry, check_bad_fraction, write_ledger
from rnnmm.store.plan import ShardPlan, check_unicode, plan_shards, store_key
from rnnmm.store.reader import SHARD_DIR
from rnnmm.store.shard import ShardFile
from rnnmm.store.worker import Setup, reference


def preprocess(
    manifest: Manifest,
    decoding: Decoding,
    root: Path,
    *,
    workers: Size = 2,
    max_bad_fraction: Fraction = 0.01,
    shard_mb: Size = 64,
    timeout_s: Positive = 60.0,
    progress: Progress | None = None,
) -> Path:
    """Decodes every item of a manifest into a store, or continues where a killed run stopped.

    The store's name holds a digest of all that goes into it, so a finished store is found again
    and returned at once, and a change of the media, the items or the decoding makes a new one;
    shards of sister stores that are still right are linked in. The bytes do not depend on
    ``workers`` or on what was killed on the way. Of two runs on one store the second one waits.
    The digests of the source files are kept in ``root/.sources``, and a file whose size and times
    have not changed is not read again.

    Args:
        manifest: what to decode; checked first.
        decoding: what to take out of each file.
        root: folder of all stores; made if it is missing.
        workers: number of decoding processes, at least 1.
        max_bad_fraction: largest part of the items, 0 to 1, that may turn out undecodable.
        shard_mb: megabytes of decoded media in a shard, about.
        timeout_s: longest time in seconds that one item may take to decode.
        progress: told how far it is.

    Returns:
        The store's folder, ``root/<name>-<first 16 digits of its key>``.

    Raises:
        ValueError: The manifest or a setting is wrong, or too many items are bad; the ledger and
            the shards stay, so that a run with a larger fraction ends at once.
        OSError: The store cannot be written.
        RuntimeError: The workers themselves do not work.
    """
    _check_settings(manifest.name, workers, max_bad_fraction, shard_mb, timeout_s)
    check_manifest(manifest)
    plans = plan_shards(manifest, decoding, shard_mb, _sources_record(manifest, Path(root)))
    folder = Path(root).absolute() / f"{manifest.name}-{store_key(manifest, decoding, plans)[:16]}"
    shard_dir = folder / SHARD_DIR
    shard_dir.mkdir(parents=True, exist_ok=True)
    if not is_finished(folder):
        with alone_in(folder):
            if not is_finished(folder):  # by the run that was waited for
                setup = _worker_setup(manifest, decoding, shard_dir)
                shards = make_shards(
                    plans, setup, workers=workers, timeout_s=timeout_s, progress=progress
                )
                _finish(folder, manifest, decoding, plans, shards, max_bad_fraction)
    check_bad_fraction(folder, len(manifest.items), max_bad_fraction)
    return folder


def index_texts(manifest: Manifest, root: Path, *, max_bad_fraction: Fraction = 0.01) -> Path:
    """Keeps what a manifest says of its items, for tasks that read text alone.

    No media are read: the store has an index and no shards. So media that are in two splits under
    several names are not found; items without a text go to the ledger. A finished store is found
    again, and another text or split makes a new one.

    Args:
        manifest: what to keep; checked first.
        root: folder of all stores; made if it is missing.
        max_bad_fraction: largest part of the items, 0 to 1, that may be without a text.

    Returns:
        The store's folder, ``root/<name>-<first 16 digits of its key>``.

    Raises:
        ValueError: The manifest or the setting is wrong, or too many items have no text.
        OSError: The store cannot be written.
    """
    _check_settings(manifest.name, 1, max_bad_fraction, 1, 1.0)  # of a store that needs no workers
    check_manifest(manifest)
    check_unicode(manifest)
    nothing = Decoding()
    folder = Path(root).absolute() / f"{manifest.name}-{store_key(manifest, nothing, [])[:16]}"
    folder.mkdir(parents=True, exist_ok=True)
    if not is_finished(folder):
        with alone_in(folder):
            if not is_finished(folder):  # by the run that was waited for
                index = index_items([item for item in manifest.items if item.text is not None])
                mute = [item for item in manifest.items if item.text is None]
                lost = [Entry(item.id, item.path, "decode", "no text") for item in mute]
                _close(folder, manifest, nothing, [], index, lost, max_bad_fraction)
    check_bad_fraction(folder, len(manifest.items), max_bad_fraction)
    return folder


def _check_settings(
    name: str, workers: int, max_bad_fraction: float, shard_mb: int, timeout_s: float
) -> None:
    rules = [
        (re.fullmatch(r"\w[\w.+-]*", name), "a dataset name of letters, digits and ._+-", name),
        (workers >= 1, "preprocess.workers of at least 1", workers),
        (0 <= max_bad_fraction <= 1, "preprocess.max_bad_fraction from 0 to 1", max_bad_fraction),
        (shard_mb >= 1, "preprocess.shard_mb of at least 1", shard_mb),
        (timeout_s > 0, "preprocess.timeout_s above 0", timeout_s),
    ]
    faults = [f"expected {wanted}, got {got!r}" for is_met, wanted, got in rules if not is_met]
    if faults:
        raise ValueError("; ".join(faults))


def _sources_record(manifest: Manifest, root: Path) -> Path:
    roots = (manifest.root, *manifest.beside.values())
    place = digest_bytes(b"\0".join(os.fsencode(root.absolute()) for root in roots))[:16]
    return root / ".sources" / f"{manifest.name}-{place}.parquet"


def _worker_setup(manifest: Manifest, decoding: Decoding, shard_dir: Path) -> Setup:
    return Setup(
        decode=reference(decode),
        decoding_type=reference(type(decoding)),
        decoding=asdict(decoding),
        media_root=str(manifest.root.absolute()),
        shard_dir=str(shard_dir),
    )


def _finish(
    folder: Path,
    manifest: Manifest,
    decoding: Decoding,
    plans: list[ShardPlan],
    shards: list[ShardFile],
    max_bad_fraction: float,
) -> None:
    with ThreadPoolExecutor(1) as pool:
        synced = pool.submit(sync_shards, folder / SHARD_DIR, [plan.key for plan in plans])
        index, lost = build_index(folder / SHARD_DIR, plans)
    synced.result()
    _close(folder, manifest, decoding, shards, index, lost, max_bad_fraction)


def _close(
    folder: Path,
    manifest: Manifest,
    decoding: Decoding,
    shards: list[ShardFile],
    index: pa.Table,
    lost: Sequence[Entry],
    max_bad_fraction: float,
) -> None:
    """Writes what stands beside the shards, the description last."""
    passed_over = [Entry("", path, "scan", reason) for path, reason in manifest.skipped]
    write_ledger(folder, [*passed_over, *lost])
    check_bad_fraction(folder, len(manifest.items), max_bad_fraction)
    facts = {
        "name": manifest.name,
        "decoding": asdict(decoding),
        "findings": manifest.findings,
        "num_items": len(manifest.items),
        "num_bad": len(lost),
        "splits": count_splits(manifest, index),
    }
    describe(folder, index, shards, facts)
