"""Plain text, one sentence a line: what a language model is trained on. No media."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from rnnmm.data.finding import report_files, report_sizes
from rnnmm.data.split import check_fractions, split_by_hash
from rnnmm.data.textfile import read_lines
from rnnmm.domain import File, Probability
from rnnmm.manifest import SPLITS, Item, Manifest
from rnnmm.text.normalise import Normaliser

_LONG = 2000  # characters: of a line that holds more than a sentence, most likely a whole chapter

_reading = Normaliser()


class _Line(NamedTuple):
    id: str  # file:line
    path: str
    split: str
    text: str
    reading: str  # the line without case and punctuation; empty where it has no word


def prepare(
    path: File,
    val_path: File | None = None,
    test_path: File | None = None,
    split: Literal["files", "seeded"] = "files",
    val_fraction: Probability = 0.1,
    test_fraction: Probability = 0.1,
    split_seed: int = 0,
) -> Manifest:
    """Lists the lines of one to three files; an item is a line, its id is ``file:line``.

    The files are UTF-8, with or without a byte order mark, with any line ends. Blank lines, and
    those without a letter or digit, are left out. Lines that differ in case and punctuation alone
    are never in two splits: drawn, they stay together; in given files the first of train, val and
    test that has one keeps it. The rest are told.

    Args:
        path: the text; what is trained on, where another file is given beside it.
        val_path: what is validated on; None: see ``split``.
        test_path: what is tested on; None: see ``split``.
        split: "files": what the files say, of one alone every line is test; "seeded": val and
            test, where they have no file, are drawn out of ``path`` by a hash of the line.
        val_fraction: of the different lines, in [0, 1), with "seeded".
        test_fraction: of the different lines, in [0, 1), with "seeded"; the two together below 1.
        split_seed: any integer.

    Returns:
        Items with a text, in the order of train, val, test and of the lines in each file.

    Raises:
        ValueError: No such file, one that is not UTF-8, no line with a word in any of them, or
            fractions out of range.
    """
    check_fractions(val_fraction=val_fraction, test_fraction=test_fraction)
    given = zip(SPLITS, (path, val_path, test_path), strict=True)
    files = {name: _find(name, file) for name, file in given if file is not None}
    root = Path(os.path.commonpath([file.parent for file in files.values()]))
    read = [line for name, file in files.items() for line in _read(root, file, name)]
    said = [line for line in read if line.reading]
    if not said:
        raise ValueError(f"text: expected a line with a word in {path}, got none")
    rule = f"no split: every line counts as test ({len(said)}; dataset.split=seeded draws splits)"
    if split == "seeded":
        fractions = {"val": val_fraction, "test": test_fraction}
        left = {name: 0.0 if name in files else part for name, part in fractions.items()}
        said = _drawn(said, left, split_seed)
        rule = f"splits drawn by line, equal lines together (seed {split_seed})"
    elif len(files) == 1:
        said = [line._replace(split="test") for line in said]
    kept, copies = _apart(said)
    items = [Item(line.id, line.path, line.split, text=line.text) for line in kept]
    findings = (
        *([rule] if split == "seeded" or len(files) == 1 else []),
        *report_sizes(items),
        *report_files("that an earlier split has, not used", copies, "line"),
        *_report_odd(read),
    )
    return Manifest("text", root, tuple(items), findings)


def _find(split: str, path: str) -> Path:
    file = Path(path).resolve()  # a link may lead out of its own folder
    if not file.is_file():
        key = "path" if split == "train" else f"{split}_path"
        raise ValueError(
            f"text: expected a text file at {path}, got no such file; set dataset.{key}=FILE.txt"
        )
    return file


def _read(root: Path, file: Path, split: str) -> list[_Line]:
    path = file.relative_to(root).as_posix()
    return [
        _Line(f"{path}:{number}", path, split, text, _reading(text))
        for number, text in read_lines(file)
    ]


def _drawn(lines: Iterable[_Line], fractions: dict[str, float], seed: int) -> list[_Line]:
    """The same with the lines of train dealt out; equal ones, as one name, stay together."""
    listed = list(lines)
    strata = {line.reading: "" for line in listed if line.split == "train"}
    drawn = split_by_hash(strata, fractions["val"], fractions["test"], seed)
    return [
        line._replace(split=drawn[line.reading]) if line.split == "train" else line
        for line in listed
    ]


def _apart(lines: Sequence[_Line]) -> tuple[list[_Line], list[str]]:
    """The lines without those that an earlier split has, in the order of the splits; their ids."""
    ordered = sorted(lines, key=lambda line: SPLITS.index(line.split))
    first: dict[str, str] = {}
    for line in ordered:
        first.setdefault(line.reading, line.split)
    kept = [line for line in ordered if first[line.reading] == line.split]
    return kept, [line.id for line in ordered if first[line.reading] != line.split]


def _report_odd(lines: Sequence[_Line]) -> tuple[str, ...]:
    mute = [line.id for line in lines if not line.reading]
    long = [line.id for line in lines if len(line.text) > _LONG]
    return (
        *report_files("without a letter or digit, not used", mute, "line"),
        *report_files(f"longer than {_LONG} characters, slow to train on", long, "line"),
    )
