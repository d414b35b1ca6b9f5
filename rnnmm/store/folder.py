"""The folder of a store: filled by one run at a time, and finished by its description."""

import fcntl
import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa

from rnnmm.store.commit import commit_bytes, digest_file, remove_temps, sync
from rnnmm.store.index import index_digest, write_index
from rnnmm.store.reader import INFO_NAME, SHARD_DIR, open_store
from rnnmm.store.shard import SCHEMA, ShardFile

log = logging.getLogger(__name__)


def is_finished(folder: Path) -> bool:
    """Whether a whole store lies there; says so where a damaged one does."""
    if not (folder / INFO_NAME).exists():
        return False
    try:
        open_store(folder)
    except ValueError as error:
        log.warning("restoring a damaged store: %s", error)
        return False
    return True


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Waits until no other run fills the folder. A killed run lets go of its lock by itself."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.warning("another run is filling %s; waiting for it", folder)
            fcntl.flock(handle, fcntl.LOCK_EX)
        remove_temps(folder)
        remove_temps(folder / SHARD_DIR)
        yield
    finally:
        os.close(handle)


def sync_shards(shard_dir: Path, keys: Sequence[str]) -> None:
    """Waits until all shards are on the disk, which the description must not be before.

    Once for all: a wait after each shard would leave its worker idle for longer than a shard of
    speech takes to check. What a power cut tears before, its checksums show to the next run.
    """
    for key in keys:
        sync(shard_dir / f"{key}.arrow")
    sync(shard_dir)


def describe(
    folder: Path, index: pa.Table, shards: Sequence[ShardFile], facts: Mapping[str, Any]
) -> None:
    """Finishes a store whose shards are on the disk: writes its index, then ``store.json``.

    Args:
        folder: of the store.
        index: a row per good item.
        shards: in the order of the items.
        facts: what else there is to say: name, decoding, findings and counts.
    """
    index_path = write_index(folder, index)
    sync(index_path)
    info = {
        "schema": SCHEMA,
        **facts,
        "index": {"size": index_path.stat().st_size, "digest": digest_file(index_path)},
        "shards": [asdict(shard) for shard in shards],
        "digest": index_digest(index, shards),
    }
    commit_bytes(folder / INFO_NAME, (json.dumps(info, indent=1) + "\n").encode())
