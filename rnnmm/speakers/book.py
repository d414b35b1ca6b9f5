"""A speaker book: the voices of people who were enrolled, and what answers about them rest on.

A folder of two files. ``book.json``: people with the number of their clips, the fingerprint of
the model, calibrations, who is in the population and in the cohort. ``embeddings.safetensors``:
every matrix, under the digest of its content. Matrices are there before ``book.json`` names them
and go after it has forgotten them, so that a crash at any moment leaves the old book or the new
one.
"""

import fcntl
import json
import os
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from rnnmm.manifest import name_some
from rnnmm.speakers.calibration import Calibration, fit_calibration
from rnnmm.speakers.population import Cohort, Population, compare
from rnnmm.speakers.scoring import Matrix
from rnnmm.store.commit import commit, commit_bytes, digest_bytes

_BOOK = "book.json"
_MATRICES = "embeddings.safetensors"
_SCHEMA = 2
_MAX_NAME = 100


@dataclass(frozen=True, eq=False)
class Book:
    """Enrolled voices; a value: adding and removing make another one.

    Args:
        model: fingerprint of the model that made the embeddings.
        cohort: clips of people of the training.
        population: clips of people kept out of it.
        people: name -> ``(n, D)`` embeddings of that person's clips.
        calibrations: by the number of clips of a voice; one for every number in ``people``.
    """

    model: str
    cohort: Cohort
    population: Population
    people: Mapping[str, Matrix]
    calibrations: Mapping[int, Calibration]


def check_name(name: str) -> str:
    """A person's name as the book writes it: composed (NFC), otherwise as given.

    Raises:
        ValueError: It is empty, too long, could be taken for a path, or begins or ends with a
            space, or has characters in it that nobody can see.
    """
    name = unicodedata.normalize("NFC", name)
    is_path = any(sign in name for sign in "/\\") or name.startswith(".")
    if not name or len(name) > _MAX_NAME or is_path or name != name.strip():
        raise ValueError(
            f"name: expected 1 to {_MAX_NAME} characters, no path and no spaces around it, got "
            f"{name[:_MAX_NAME]!r}"
        )
    if not name.isprintable():
        raise ValueError(f"name: expected printable characters, got {name!r}")
    return name


def add_person(book: Book, name: str, clips: Matrix) -> Book:
    """Enrols somebody, or adds clips to somebody who is enrolled.

    Args:
        book: as it was.
        name: the person's.
        clips: ``(n, D)`` embeddings, at least one, finite and not zero.

    Raises:
        ValueError: A name that will not do, no clips, embeddings of another size than the book's
            or without a direction, or a population that cannot be told apart.
    """
    name, dim = check_name(name), book.population.embeddings.shape[1]
    if clips.ndim != 2 or not len(clips) or clips.shape[1] != dim:
        raise ValueError(f"{name}: expected (n, {dim}) embeddings, n >= 1, got {clips.shape}")
    if not np.isfinite(clips).all() or not clips.any(axis=1).all():
        raise ValueError(f"{name}: expected embeddings that are finite and not zero")
    voice = np.concatenate([book.people.get(name, np.zeros((0, dim))), clips])
    people = dict(sorted({**book.people, name: voice}.items()))
    return _calibrated(replace(book, people=people))


def remove_person(book: Book, name: str) -> Book:
    """The book without somebody.

    Raises:
        ValueError: There is nobody of this name in it.
    """
    name = find_person(book, name)
    others = {other: clips for other, clips in book.people.items() if other != name}
    return _calibrated(replace(book, people=others))


def find_person(book: Book, name: str) -> str:
    """The name as the book has it.

    Raises:
        ValueError: There is nobody of this name in it.
    """
    composed = unicodedata.normalize("NFC", name)
    if composed not in book.people:
        known = name_some(book.people) or "nobody"
        raise ValueError(f"name: expected somebody in the book ({known}), got {name!r}")
    return composed


def open_book(folder: Path) -> Book:
    """Reads a book.

    Raises:
        ValueError: There is none in the folder, or it is damaged or of another version.
    """
    path = folder / _BOOK
    if not path.is_file():
        raise ValueError(f"{folder}: expected a speaker book, found no {_BOOK}; enrol first")
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        if fields["schema"] != _SCHEMA:
            raise ValueError(f"schema {fields['schema']!r}")
        return _from_fields(fields, _read_matrices(folder))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(
            f"{path}: expected a speaker book as enrol writes it, got {error}"
        ) from error


def has_book(folder: Path) -> bool:
    """Whether there is a book in a folder, whole or damaged."""
    return (folder / _BOOK).is_file()


def save_book(folder: Path, book: Book) -> None:
    """Writes a book; no crash leaves half of it.

    Args:
        folder: made if it is missing.
        book: what it is to hold.
    """
    folder.mkdir(parents=True, exist_ok=True)
    matrices: dict[str, NDArray[np.float32]] = {}
    fields = _to_fields(book, matrices)
    old = _read_matrices(folder) if has_book(folder) else {}
    _write_matrices(folder, {**old, **matrices})
    commit_bytes(
        folder / _BOOK, (json.dumps(fields, ensure_ascii=False, indent=1) + "\n").encode()
    )
    if old.keys() - matrices.keys():
        _write_matrices(folder, matrices)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Only one process at a time changes a book; another waits.

    Args:
        folder: made if it is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _calibrated(book: Book) -> Book:
    """With a calibration for every number of clips that a voice in it is made of."""
    numbers = sorted({len(clips) for clips in book.people.values()})
    known = book.calibrations
    found = {n: known[n] if n in known else _calibration(book, n) for n in numbers}
    return replace(book, calibrations=found)


def _calibration(book: Book, num_clips: int) -> Calibration:
    return fit_calibration(*compare(book.population, book.cohort, num_clips))


def _to_fields(book: Book, matrices: dict[str, NDArray[np.float32]]) -> dict[str, Any]:
    """What ``book.json`` says; the matrices it names are put into the mapping."""

    def keep(matrix: Matrix) -> str:
        small = np.ascontiguousarray(matrix, np.float32)
        key = digest_bytes(repr(small.shape).encode() + small.tobytes())
        matrices[key] = small
        return key

    return {
        "schema": _SCHEMA,
        "model": book.model,
        "people": {
            name: {"num_clips": len(clips), "embeddings": keep(clips)}
            for name, clips in book.people.items()
        },
        "calibrations": {
            str(n): json.loads(line.to_json()) for n, line in book.calibrations.items()
        },
        **{
            part: {"speakers": list(clips.speakers), "embeddings": keep(clips.embeddings)}
            for part, clips in (("cohort", book.cohort), ("population", book.population))
        },
    }


def _from_fields(fields: Mapping[str, Any], matrices: Mapping[str, NDArray[np.float32]]) -> Book:
    def find(part: Mapping[str, Any], num_rows: int) -> Matrix:
        matrix = matrices[part["embeddings"]].astype(np.float64)
        if matrix.ndim != 2 or len(matrix) != num_rows:
            raise ValueError(f"embeddings {matrix.shape} for {num_rows} clips")
        return matrix

    def known(part: Mapping[str, Any]) -> tuple[Matrix, tuple[str, ...]]:
        speakers = tuple(str(name) for name in part["speakers"])
        return find(part, len(speakers)), speakers

    book = Book(
        str(fields["model"]),
        Cohort(*known(fields["cohort"])),
        Population(*known(fields["population"])),
        {check_name(name): find(part, part["num_clips"])
         for name, part in fields["people"].items()},
        {int(n): Calibration.from_json(json.dumps(line))
         for n, line in fields["calibrations"].items()},
    )  # fmt: skip
    if missing := {len(clips) for clips in book.people.values()} - book.calibrations.keys():
        raise ValueError(f"no calibration for voices of {sorted(missing)} clips")
    return book


def _read_matrices(folder: Path) -> dict[str, NDArray[np.float32]]:
    path = folder / _MATRICES
    try:
        return dict(load_file(path))
    except Exception as error:  # safetensors raises its own, undocumented classes
        reason = " ".join(str(error).split())
        raise ValueError(f"{path}: expected the book's embeddings: {reason}") from error


def _write_matrices(folder: Path, matrices: Mapping[str, NDArray[np.float32]]) -> None:
    commit(folder / _MATRICES, lambda temp: save_file(dict(matrices), temp))
