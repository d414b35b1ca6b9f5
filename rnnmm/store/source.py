"""What the source files hold, by digest; a file that has not changed since is not read again."""

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from rnnmm.store.commit import commit, digest_file

_THREADS = 4  # hashing releases the GIL
_PILE = 16  # files that a thread is handed at a time: many are so small that handing over counts
# A file touched this shortly before it was read may be changed again under the same time stamp:
# file systems count in steps of up to two seconds.
_SETTLED_NS = 3_000_000_000

_COLUMNS = pa.schema(
    [
        ("path", pa.string()),
        ("size", pa.int64()),
        ("mtime_ns", pa.int64()),
        ("ctime_ns", pa.int64()),
        ("digest", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class Source:
    """A file as it was read.

    Args:
        size: bytes.
        mtime_ns, ctime_ns: when its content, and anything about it, last changed.
        digest: BLAKE2b-128 of its content, or "unreadable".
    """

    size: int
    mtime_ns: int
    ctime_ns: int
    digest: str


def read_sources(
    root: Path, paths: Sequence[str], record: Path | None = None
) -> dict[str, Source]:
    """Size and digest of every file.

    Args:
        root: the folder that ``paths`` are relative to.
        paths: without repetition.
        record: where digests are kept from one run to the next. A file is read again unless its
            size and both its times are as recorded; one that had only just been changed when it
            was read is not recorded. None: all files are read.

    Returns:
        A source for each path; "unreadable" ones with size 0, for the decoder will meet them too
        and its reason goes to the ledger.
    """
    known = {} if record is None else _read_record(record)
    started_ns = time.time_ns()
    piles = [paths[start : start + _PILE] for start in range(0, len(paths), _PILE)]
    with ThreadPoolExecutor(_THREADS) as pool:
        read = pool.map(partial(_read_pile, root, known), piles)
        sources = dict(zip(paths, chain.from_iterable(read)))
    settled = {path: one for path, one in sources.items() if _is_settled(one, started_ns)}
    if record is not None and settled != known:
        _write_record(record, settled)
    return sources


def _read_pile(root: Path, known: dict[str, Source], paths: Sequence[str]) -> list[Source]:
    return [_read_source(root, known, path) for path in paths]


def _read_source(root: Path, known: dict[str, Source], path: str) -> Source:
    try:
        status = os.stat(root / path)
        state = (status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        old = known.get(path)
        if old is not None and state == (old.size, old.mtime_ns, old.ctime_ns):
            return old
        return Source(*state, digest_file(root / path))
    except OSError:
        return Source(0, 0, 0, "unreadable")


def _is_settled(source: Source, started_ns: int) -> bool:
    touched_ns = max(source.mtime_ns, source.ctime_ns)
    return source.digest != "unreadable" and touched_ns + _SETTLED_NS < started_ns


def _read_record(record: Path) -> dict[str, Source]:
    """What an earlier run wrote; nothing where there is no such file, or it is damaged."""
    try:
        with pq.ParquetFile(record) as file:
            columns = file.read().to_pydict()
        rows = zip(*(columns[name] for name in _COLUMNS.names))
        return {path: Source(*values) for path, *values in rows}
    except (OSError, ValueError, KeyError, pa.ArrowException):
        return {}


def _write_record(record: Path, sources: dict[str, Source]) -> None:
    columns = {
        name: [getattr(source, name) for source in sources.values()] for name in _COLUMNS.names[1:]
    }
    # A store that may only be read, or a folder whose name is no text: all files are read again.
    with suppress(OSError, UnicodeError):
        table = pa.table({"path": list(sources), **columns}, schema=_COLUMNS)
        record.parent.mkdir(parents=True, exist_ok=True)
        commit(record, lambda temp: pq.write_table(table, temp))
