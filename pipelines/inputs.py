"""Files of the user's, decoded for one command."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rnnmm.experiment import make_store
from rnnmm.loading.gather import Kind, parts, payload_lengths
from rnnmm.manifest import Item, Manifest
from rnnmm.result import to_json
from rnnmm.store.commit import commit_bytes
from rnnmm.store.reader import Store
from rnnmm.tasks.data import Rows


@dataclass(frozen=True)
class Inputs:
    """Files that can be answered for, and those that cannot.

    Args:
        store: of the decoded files.
        rows: of the store, those that hold what is asked for.
        paths: of every row of the store, as given.
        silent: (path, reason) of the other files.
    """

    store: Store
    rows: Rows
    paths: tuple[Path, ...]
    silent: tuple[tuple[Path, str], ...]


@contextmanager
def decoded_inputs(config: Mapping[str, Any], kind: Kind) -> Iterator[Inputs | None]:
    """The files of ``inputs``, through a store of their own that is gone afterwards.

    So they are decoded by the same workers, and answered on the same path, as training data.

    Args:
        config: composed and checked.
        kind: the payload that is asked for.

    Yields:
        The files; None where not one of them is there.
    """
    given = [Path(path) for path in config["inputs"]]
    there = [path for path in given if path.is_file()]
    if not there:
        yield None
        return
    preprocess = {**config["preprocess"], "max_bad_fraction": 1.0}
    with TemporaryDirectory() as folder:
        own = {**config, "store": {"root": folder}, "preprocess": preprocess}
        store = make_store(own, _manifest(there))
        lengths = payload_lengths(store, kind)
        index = lengths.nonzero()[0]
        paths = tuple(there[int(id)] for id in store.ids)
        lacking = " and ".join(f"no {part}" for part in parts(kind))
        mute = [(path, f"{lacking} in it") for path, n in zip(paths, lengths) if not n]
        silent = (*_absent(given), *_undecoded(store, there), *mute)
        yield Inputs(store, Rows(index, lengths[index], [()] * len(store)), paths, silent)


def write_answers(
    path: Path, answers: Sequence[Mapping[str, Any]], refused: Sequence[tuple[Path, str]]
) -> list[Path]:
    """Writes a line of JSON for each answer, then one with a ``fault`` for each other file.

    Without a single answer nothing is written: a mistyped name is not to cost earlier answers.

    Args:
        path: of the file, whose folder is made.
        answers: with their ``path``.
        refused: (path, reason) of files without an answer.

    Returns:
        The path where it was written.
    """
    if not answers:
        return []
    rows = [*answers, *({"path": str(one), "fault": reason} for one, reason in refused)]
    path.parent.mkdir(parents=True, exist_ok=True)
    commit_bytes(path, "".join(f"{to_json(row)}\n" for row in rows).encode())
    return [path]


def absent_inputs(config: Mapping[str, Any]) -> tuple[tuple[Path, str], ...]:
    """(path, reason) of the files of ``inputs`` that are not there."""
    return tuple(_absent([Path(path) for path in config["inputs"]]))


def _absent(paths: Sequence[Path]) -> list[tuple[Path, str]]:
    return [(path, _absence(path)) for path in paths if not path.is_file()]


def _absence(path: Path) -> str:
    if path.is_dir():
        return "a folder, expected files"
    return "no such file (patterns are not expanded)" if "*" in path.name else "no such file"


def _undecoded(store: Store, paths: Sequence[Path]) -> list[tuple[Path, str]]:
    ledger = (store.path / "quarantine.jsonl").read_text(encoding="utf-8").splitlines()
    entries = [json.loads(line) for line in ledger]
    return [(paths[int(entry["id"])], str(entry["reason"])) for entry in entries]


def _manifest(paths: Sequence[Path]) -> Manifest:
    files = [path.resolve() for path in paths]  # a link may lead out of its own folder
    root = Path(os.path.commonpath([path.parent for path in files]))
    items = [
        Item(str(number), path.relative_to(root).as_posix(), "test")
        for number, path in enumerate(files)
    ]
    return Manifest("inputs", root, tuple(items))
