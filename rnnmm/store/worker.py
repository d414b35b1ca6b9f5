"""A process that decodes shards, one at a time, and may die doing so.

Run as ``python -m rnnmm.store.worker`` by `rnnmm.store.executor`, which it talks to in lines of
JSON over its standard input and output. It imports neither torch nor the program that started it.

In:  first ``Setup``; then a ``Task`` per shard.
Out: ``["ready"]`` when it waits for its first task; ``["item", n]`` when it starts on the task's
n-th item and ``["rest"]`` when it is through with it; ``["done", digest, size, faults]`` when the
shard is in place; ``["failed", errno or null, message]`` when it gives up for its own reasons.
"""

import ctypes
import importlib
import json
import os
import re
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnmm.store.commit import digest_file
from rnnmm.store.row import Row, decoded_row, faulty_row
from rnnmm.store.shard import adopt_shard, map_shard, write_shard

Span = tuple[str, str, float | None, float | None]  # id, path, start_s, end_s
Tell = Callable[..., None]

_MEMORY_BYTES = 8 << 30  # of address space; a file that wants more is not media
_REASON_CHARS = 300
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Setup:
    """What stays the same for all shards.

    Args:
        decode: ``module:name`` of the function that decodes one item.
        decoding_type: ``module:name`` of the class of its settings.
        decoding: the settings, by name.
        media_root: the folder that paths are relative to which are not absolute.
        shard_dir: where the shards go.
    """

    decode: str
    decoding_type: str
    decoding: dict[str, Any]
    media_root: str
    shard_dir: str


@dataclass(frozen=True)
class Task:
    """One shard to make.

    Args:
        key: its name.
        items: what goes in.
        condemned: (position, reason) of items not to be touched again.
    """

    key: str
    items: list[Span]
    condemned: list[tuple[int, str]]


def to_line(message: Setup | Task) -> bytes:
    """A message to a worker."""
    return (json.dumps(vars(message)) + "\n").encode()


def reference(thing: Callable[..., object]) -> str:
    """The ``module:name`` under which another process finds a top-level function or class."""
    assert thing.__module__ != "__main__" and "<" not in thing.__qualname__, thing
    return f"{thing.__module__}:{thing.__qualname__}"


def main() -> None:
    """Makes shards until its standard input ends."""
    _limit_process()
    tell = _claim_stdout()
    try:
        setup = Setup(**json.loads(sys.stdin.readline()))
        decode = _resolve(setup.decode)
        decoding = _resolve(setup.decoding_type)(**setup.decoding)
        tell("ready")
        for line in sys.stdin:
            tell("done", *_make_shard(Task(**json.loads(line)), setup, decode, decoding, tell))
    except Exception as error:
        tell("failed", getattr(error, "errno", None), f"{type(error).__name__}: {error}")


def _limit_process() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash is expected here, a dump is not
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = _MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(_MEMORY_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _claim_stdout() -> Tell:
    # Libraries in C print to descriptor 1 as they please: keep the wire away from them.
    wire = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)

    def tell(*message: object) -> None:
        with suppress(BrokenPipeError):  # the parent is gone, and so will be our input
            wire.write(json.dumps(message) + "\n")
            wire.flush()

    return tell


def _resolve(name: str) -> Callable[..., Any]:
    module, _, attribute = name.partition(":")
    found = getattr(importlib.import_module(module), attribute)
    assert callable(found), name
    return found  # type: ignore[no-any-return]


def _make_shard(
    task: Task, setup: Setup, decode: Callable[..., Any], decoding: object, tell: Tell
) -> tuple[str, int, int]:
    path = Path(setup.shard_dir) / f"{task.key}.arrow"
    ids = [id for id, *_ in task.items]
    if not adopt_shard(path, ids):
        root = Path(setup.media_root)
        write_shard(path, ids, _rows(task, root, decode, decoding, tell))
    faults = sum(fault != "" for block in map_shard(path) for fault in block.faults.to_pylist())
    return digest_file(path), path.stat().st_size, faults


def _rows(
    task: Task, root: Path, decode: Callable[..., Any], decoding: object, tell: Tell
) -> Iterator[Row]:
    condemned = dict(task.condemned)
    for position, (id, path, start_s, end_s) in enumerate(task.items):
        if position in condemned:
            yield faulty_row(id, condemned[position])
            continue
        tell("item", position)
        try:
            decoded = decode(root / path, decoding, start_s, end_s)
        except Exception as error:  # whatever a decoder raises is a verdict on the file
            row = faulty_row(id, _reason(error, Path(path), root))
        else:
            row = decoded_row(id, decoded)
        tell("rest")
        yield row


def _reason(error: Exception, path: Path, root: Path) -> str:
    """One line that is the same on every machine: no addresses, no absolute paths."""
    text = " ".join(str(error).split()) or "no reason given"
    if not isinstance(error, ValueError):
        text = f"{type(error).__name__}: {text}"
    folder = path.parent if path.is_absolute() else root
    text = text.replace(f"{folder}{os.sep}", "")
    text = re.sub(r" at 0x[0-9a-fA-F]+", "", text)[:_REASON_CHARS]
    return text.encode("utf-8", "backslashreplace").decode()


if __name__ == "__main__":
    main()
