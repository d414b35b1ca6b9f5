"""Word alignments of GRID: lines ``start end word``, a thousand units for each picture."""

from collections.abc import Iterator
from pathlib import Path

from rnnmm.data.textfile import read_lines
from rnnmm.manifest import Segment

_SILENCE = frozenset({"sil", "sp"})
_UNITS_PER_S = 25_000


def read_words(path: Path) -> Iterator[Segment]:
    """The words of an alignment and when they are said, without the silences.

    Raises:
        ValueError: A line is anything else; named with its number.
    """
    for number, line in read_lines(path):
        fields = line.split()
        if len(fields) != 3 or not all(map(_is_number, fields[:2])):
            raise ValueError(f"{path}:{number}: expected 'start end word', got {line!r}")
        if fields[2] not in _SILENCE:
            start, end = (int(field) / _UNITS_PER_S for field in fields[:2])
            yield Segment(start, end, fields[2])


def _is_number(field: str) -> bool:
    return field.isascii() and field.isdigit()
