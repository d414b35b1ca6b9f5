"""Any media described by a table: CSV, TSV or JSON lines, one row per item."""

import difflib
import json
import math
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from rnnmm.data.finding import report_sizes
from rnnmm.data.listing import open_root
from rnnmm.data.textfile import read_csv, read_lines
from rnnmm.domain import File, Folder
from rnnmm.manifest import SPLITS, Item, Manifest, Segment, count_of, name_some

COLUMNS = (
    "path", "start", "end", "text", "speaker", "label", "caption", "captions", "split", "id",
    "group", "segments",
)  # fmt: skip
_LISTS = ("captions", "segments")
_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_JSON_LINES = (".jsonl", ".ndjson")

_Cells = Mapping[str, object]  # column -> what it holds; empty cells are left out


class _Row(NamedTuple):
    where: str  # file:line
    item: Item


def prepare(path: File, root: Folder | None = None) -> Manifest:
    """Reads a table with the columns ``path,start,end,text,speaker,label,caption,split,id,group``.

    Only ``path`` is needed; an empty cell is the same as none. Times are seconds; ``split`` is
    test where it is not given. Rows that differ in ``caption`` alone are one item with several
    captions; ``captions`` holds all of them as a JSON list. ``segments`` holds what goes on when,
    ``[[start, end, label], ...]``, in seconds from the item's start; ``[]``: nothing. The id,
    where it is not given, is the path, with ``#start-end`` when there are times.

    Args:
        path: the table: ``.csv``, ``.tsv``, ``.jsonl`` or ``.ndjson``, UTF-8.
        root: the folder that paths are relative to; None: the table's own.

    Returns:
        Items in the order of the table.

    Raises:
        ValueError: No table or no rows; an unknown column; a cell that cannot be read (with
            file:line); a path that is no regular file below the root; two rows for one item.
    """
    table = Path(path)
    if not table.is_file():
        raise ValueError(
            f"manifest: expected a table at {path!r}, got no such file; set "
            f"dataset.path=FILE.csv or FILE.jsonl"
        )
    folder = open_root("manifest", root) if root is not None else table.parent
    rows = [_Row(where, _to_item(cells, folder, where)) for where, cells in _read_rows(table)]
    if not rows:
        raise ValueError(f"{table}: expected at least one row, got none")
    _check_files(rows, folder)
    items = _merge_captions(rows)
    return Manifest("manifest", folder, tuple(items), report_sizes(items))


def _read_rows(table: Path) -> Iterator[tuple[str, _Cells]]:
    """(file:line, cells) of each row."""
    suffix = table.suffix.lower()
    if suffix in _DELIMITERS:
        return _read_csv(table, _DELIMITERS[suffix])
    if suffix in _JSON_LINES:
        return _read_json_lines(table)
    known = ", ".join((*_DELIMITERS, *_JSON_LINES))
    raise ValueError(
        f"{table}: expected a table that ends in {known}, got {suffix or 'no ending'}"
    )


def _read_csv(table: Path, delimiter: str) -> Iterator[tuple[str, _Cells]]:
    rows = read_csv(table, delimiter)
    header = [name.strip() for name in next(rows, (1, []))[1]]
    _check_columns(header, f"{table}:1")
    for line, cells in rows:
        where = f"{table}:{line}"
        yield where, _name_cells(header, cells, where)


def _name_cells(header: Sequence[str], cells: Sequence[str], where: str) -> _Cells:
    if len(cells) != len(header):
        raise ValueError(
            f"{where}: expected {len(header)} cells as in the header, got {len(cells)}; put a "
            f"cell that holds the delimiter in double quotes"
        )
    row: dict[str, object] = {name: cell for name, cell in zip(header, cells) if cell.strip()}
    for name in _LISTS:
        if isinstance(listed := row.get(name), str):
            row[name] = _parse_json(listed, where)
    return row


def _read_json_lines(table: Path) -> Iterator[tuple[str, _Cells]]:
    for number, line in read_lines(table):
        where = f"{table}:{number}"
        row = _parse_json(line, where)
        if not isinstance(row, dict):
            raise ValueError(f"{where}: expected a JSON object, got {line[:40]!r}")
        _check_columns(list(row), where)
        yield where, {name: cell for name, cell in row.items() if not _is_empty(name, cell)}


def _is_empty(name: str, cell: object) -> bool:
    return cell in (None, "") or (cell == [] and name != "segments")  # no segment is an answer


def _parse_json(text: str, where: str) -> object:
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{where}: expected JSON, got {text[:40]!r} ({error})") from None


def _check_columns(names: Sequence[str], where: str) -> None:
    for name in names:
        if name not in COLUMNS:
            near = difflib.get_close_matches(name, COLUMNS, n=1)
            meant = f"did you mean {near[0]}?" if near else f"known: {', '.join(COLUMNS)}"
            raise ValueError(f"{where}: unknown column {name!r}; {meant}")
    if "path" not in names:
        raise ValueError(f"{where}: expected a column 'path', got {', '.join(names) or 'none'}")
    if len(set(names)) != len(names):
        raise ValueError(f"{where}: expected each column once, got {', '.join(names)}")


def _to_item(cells: _Cells, root: Path, where: str) -> Item:
    path = _below(_text(cells, "path", where), root, where)
    start_s, end_s = _seconds(cells, "start", where), _seconds(cells, "end", where)
    if end_s is not None and end_s <= (start_s or 0.0):
        raise ValueError(f"{where}: expected end after start, got {start_s or 0.0} to {end_s}")
    times = "" if start_s is None and end_s is None else f"#{start_s or 0.0}-{end_s or ''}"
    split = _text(cells, "split", where) or "test"
    if split not in SPLITS:
        raise ValueError(f"{where}: expected split {', '.join(SPLITS)} or none, got {split!r}")
    return Item(
        id=_text(cells, "id", where) or f"{path}{times}",
        path=path,
        split=split,
        start_s=start_s,
        end_s=end_s,
        text=_text(cells, "text", where),
        speaker=_text(cells, "speaker", where),
        label=_text(cells, "label", where),
        captions=_captions(cells, where),
        group=_text(cells, "group", where),
        segments=_segments(cells, where) if "segments" in cells else None,
    )


def _text(cells: _Cells, column: str, where: str) -> str | None:
    return _clean(cells[column], column, where) or None if column in cells else None


def _clean(cell: object, column: str, where: str) -> str:
    """A cell's text without the white space around it."""
    if not isinstance(cell, str):
        raise ValueError(f"{where}: expected text in the column {column}, got {cell!r}")
    # Escapes of JSON can stand for what no UTF-8 file can hold.
    if "\0" in cell or any("\ud800" <= character <= "\udfff" for character in cell):
        raise ValueError(f"{where}: expected text in the column {column}, got {cell!a}")
    return cell.strip()


def _seconds(cells: _Cells, column: str, where: str) -> float | None:
    cell = cells.get(column)
    if cell is None:
        return None
    try:
        seconds = math.nan if isinstance(cell, bool | list | dict) else float(str(cell))
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds >= 0):
        raise ValueError(f"{where}: expected seconds >= 0 in the column {column}, got {cell!r}")
    return seconds


def _captions(cells: _Cells, where: str) -> tuple[str, ...]:
    if "captions" in cells and "caption" in cells:
        raise ValueError(f"{where}: expected caption or captions, got both")
    column = "captions" if "captions" in cells else "caption"
    cell = cells.get(column, [])
    captions = cell if isinstance(cell, list) else [cell]
    return tuple(_clean(caption, column, where) for caption in captions)


def _segments(cells: _Cells, where: str) -> tuple[Segment, ...]:
    listed = cells["segments"]
    if not isinstance(listed, list) or not all(map(_is_triple, listed)):
        raise ValueError(
            f"{where}: expected [[start, end, label], ...] in the column segments, with "
            f"0 <= start < end in seconds, got {str(listed)[:60]}"
        )
    return tuple(
        Segment(float(start), float(end), _clean(label, "segments", where))
        for start, end, label in listed
    )


def _is_triple(segment: object) -> bool:
    if not isinstance(segment, list) or len(segment) != len(Segment._fields):
        return False
    start, end, _ = segment
    is_time = all(isinstance(time, int | float) for time in (start, end))
    return is_time and 0 <= start < end < math.inf


def _below(path: str | None, root: Path, where: str) -> str:
    """The path relative to the root; one that leads out of it is refused by `_check_files`."""
    if not path:
        raise ValueError(f"{where}: expected a path, got none")
    below = os.path.relpath(path, root.absolute()) if Path(path).is_absolute() else path
    return Path(below).as_posix()


def _check_files(rows: Sequence[_Row], root: Path) -> None:
    """One message for all the rows whose file is missing or lies elsewhere."""
    resolved = root.resolve()
    culprits = [
        f"{row.item.id} ({row.where})"
        for row in rows
        if not _is_file_below(resolved / row.item.path, resolved)
    ]
    if culprits:
        raise ValueError(
            f"manifest: expected a regular file below {root} for each row, got none for "
            f"{count_of(len(culprits), 'row')}: {name_some(culprits)}; set dataset.root=PATH to "
            f"the folder that the paths start from"
        )


def _is_file_below(path: Path, root: Path) -> bool:
    try:
        return path.resolve().is_relative_to(root) and path.is_file()
    except (OSError, RuntimeError):  # a loop of links, or a name no file system takes
        return False


def _merge_captions(rows: Sequence[_Row]) -> list[Item]:
    by_id: dict[str, list[_Row]] = defaultdict(list)
    for row in rows:
        by_id[row.item.id].append(row)
    return [_merge(same_id) for same_id in by_id.values()]


def _merge(rows: Sequence[_Row]) -> Item:
    """One item of rows that differ in their captions alone."""
    first = rows[0].item
    captions = list(first.captions)
    for row in rows[1:]:
        agrees = replace(row.item, captions=first.captions) == first
        if not (agrees and row.item.captions) or set(captions) & set(row.item.captions):
            raise ValueError(
                f"{row.where}: a second row for {first.id}, first at {rows[0].where}; expected "
                f"rows of one item to differ in caption alone: drop one, or give each its own id"
            )
        captions.extend(row.item.captions)
    return replace(first, captions=tuple(captions))
