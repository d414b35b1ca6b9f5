"""Text that came with a corpus: strict UTF-8, and every complaint names the file and the line."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path


def read_text(path: Path) -> str:
    """Reads a text file; a byte order mark is dropped, line ends are left as they are.

    Raises:
        ValueError: The file holds a byte that is not UTF-8, or a NUL; named with its line.
    """
    raw = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path}:{_line_at(raw, error.start)}: expected UTF-8 text, got the byte "
            f"0x{raw[error.start]:02x}; save the file as UTF-8"
        ) from None
    if "\0" in text:
        raise ValueError(
            f"{path}:{_line_at(raw, raw.index(0))}: expected text, got a NUL; "
            f"save the file as UTF-8"
        )
    return text


def read_lines(path: Path) -> list[tuple[int, str]]:
    """The lines that hold something, each with its number (from 1), ends stripped.

    Only line feeds and carriage returns end a line: `str.splitlines` would also cut at
    characters that are legal inside a transcript, such as U+2028.
    """
    text = read_text(path).replace("\r\n", "\n").replace("\r", "\n")
    numbered = ((number, line.strip()) for number, line in enumerate(text.split("\n"), start=1))
    return [(number, line) for number, line in numbered if line]


def read_table(path: Path) -> dict[str, str]:
    """A Kaldi table: a key, white space, a value (which may be empty) on each line.

    Raises:
        ValueError: A key occurs twice, or the file is not UTF-8.
    """
    table: dict[str, str] = {}
    for number, line in read_lines(path):
        key, _, value = line.replace("\t", " ", 1).partition(" ")
        if key in table:
            raise ValueError(f"{path}:{number}: {key} is already there above; keep one line of it")
        table[key] = value.strip()
    return table


def read_csv(path: Path, delimiter: str = ",") -> Iterator[tuple[int, list[str]]]:
    """The rows of a CSV file, each with the number of its first line; empty rows left out.

    Raises:
        ValueError: The file is not UTF-8, or a row is not CSV; named with its line.
    """
    text = io.StringIO(read_text(path), newline="")
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            if cells:
                yield line, cells
            line = reader.line_num + 1  # a quoted cell may go over several lines
    except csv.Error as error:
        raise ValueError(f"{path}:{line}: expected a row of CSV, got {error}") from None


def _line_at(raw: bytes, position: int) -> int:
    return raw.count(b"\n", 0, position) + 1
