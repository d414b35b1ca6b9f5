"""Rows of CSV and entries of JSON, by name: every complaint says which one it is about."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rnnmm.data.textfile import read_csv, read_text


@dataclass(frozen=True, slots=True)
class Record:
    """One row or entry.

    Args:
        where: the file and the line, or the entry's place in it.
        cells: name -> value, of which nothing is known yet.
    """

    where: str
    cells: Mapping[str, object]

    def text(self, name: str) -> str:
        """A cell's text, without the white space around it; empty where there is none.

        Raises:
            ValueError: It is no text.
        """
        return read_cell(self.cells.get(name) or "", f"{self.where}: {name}")

    def word(self, name: str) -> str:
        """A cell's text, which must be there.

        Raises:
            ValueError: It is missing, or no text.
        """
        if word := self.text(name):
            return word
        raise ValueError(f"{self.where}: expected text as {name!r}, got none")

    def whole(self, name: str) -> int:
        """A whole number of 0 or more, whether it is written as a number or as text.

        Raises:
            ValueError: It is missing, or no such number.
        """
        value = self.cells.get(name)
        digits = str(value).strip()
        if isinstance(value, bool) or not (digits.isascii() and digits.isdigit()):
            raise ValueError(
                f"{self.where}: expected a whole number of 0 or more as {name!r}, got {value!r}"
            )
        return int(digits)

    def records(self, name: str) -> Iterator["Record"]:
        """The entries of a list of objects.

        Raises:
            ValueError: It is missing, or anything else.
        """
        return _entries(self.cells.get(name), f"{self.where}: {name}")


def read_rows(path: Path, columns: Sequence[str]) -> Iterator[Record]:
    """The rows of a CSV file whose first row names the columns.

    Args:
        path: the file.
        columns: those that must be there; others may be.

    Raises:
        ValueError: A column is missing, a row is longer or shorter than the first.
    """
    rows = read_csv(path)
    header = [name.strip() for name in next(rows, (1, []))[1]]
    missing = [name for name in columns if name not in header]
    if missing or len(set(header)) != len(header):
        raise ValueError(
            f"{path}:1: expected a header with the columns {', '.join(columns)}, each once, got "
            f"{', '.join(header) or 'none'}"
        )
    for line, cells in rows:
        if len(cells) != len(header):
            raise ValueError(
                f"{path}:{line}: expected {len(header)} cells as in the header, got {len(cells)}; "
                f"put a cell that holds a comma in double quotes"
            )
        yield Record(f"{path}:{line}", dict(zip(header, cells)))


def read_object(path: Path) -> Record:
    """A JSON file that holds one object.

    Raises:
        ValueError: It is no JSON, or anything else.
    """
    value = _read_json(path)
    if not isinstance(value, dict):
        raise ValueError(f"{path}: expected a JSON object, got {_kind(value)}")
    return Record(str(path), value)


def read_entries(path: Path) -> Iterator[Record]:
    """The entries of a JSON file that holds a list of objects.

    Raises:
        ValueError: It is no JSON, or anything else.
    """
    return _entries(_read_json(path), str(path))


def read_cell(value: object, where: str) -> str:
    """Text without the white space around it.

    Raises:
        ValueError: It is no text, or text that no UTF-8 file can hold.
    """
    # Escapes of JSON can stand for half a character, or for a NUL.
    if not isinstance(value, str) or any(_is_odd(character) for character in value):
        raise ValueError(f"{where}: expected text, got {ascii(value)[:40]}")
    return value.strip()


def _read_json(path: Path) -> object:
    try:
        return json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}:{error.lineno}: expected JSON, got {error.msg}") from None
    except RecursionError:
        raise ValueError(f"{path}: expected JSON, got lists within lists without end") from None


def _entries(value: object, where: str) -> Iterator[Record]:
    if not isinstance(value, list):
        raise ValueError(f"{where}: expected a list, got {_kind(value)}")
    for number, entry in enumerate(value, start=1):
        if not isinstance(entry, dict):
            raise ValueError(f"{where}, entry {number}: expected an object, got {_kind(entry)}")
        yield Record(f"{where}, entry {number}", entry)


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false"}
    return "nothing" if value is None else names.get(type(value), "a number")


def _is_odd(character: str) -> bool:
    return character == "\0" or "\ud800" <= character <= "\udfff"
