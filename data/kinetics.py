"""Kinetics-400, -600 and -700: ten seconds of YouTube per clip, one human action each."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from rnnmm.data.listed import (
    Entry,
    collect,
    draw_val,
    drop_shared_groups,
    flatten,
    leave_out,
    match_files,
    measure_on_val,
)
from rnnmm.data.listing import VIDEO, open_media, pick_folder
from rnnmm.data.record import Record, read_rows
from rnnmm.domain import Folder, Probability
from rnnmm.manifest import Manifest

_LIST_FOLDERS = ("annotations",)
_LISTS = "*.csv"
_COLUMNS = ("youtube_id", "time_start", "time_end", "split")
_SPLITS = {
    "train": "train", "val": "val", "validate": "val", "validation": "val", "test": "test",
}  # fmt: skip
_LONGEST_S = 999_999  # six digits in a file's name


def prepare(
    root: Folder,
    edition: Literal[400, 600, 700] = 400,
    measure_on: Literal["validation", "test"] = "validation",
    val_fraction: Probability = 0.02,
    split_seed: int = 0,
) -> Manifest:
    """Reads the CSV files ``label,youtube_id,time_start,time_end,split`` and finds their clips.

    They lie in ``annotations/`` or in the root, the clips, ``ID_000010_000020.mp4``, anywhere
    below the root, in class folders or flat. Videos that have gone from YouTube are told.

    Args:
        root: the corpus folder.
        edition: the number of classes of the release.
        measure_on: "validation", as all publications do: the published validation part is the
            test here, val is drawn out of train, and the published test is not used; "test": the
            published parts.
        val_fraction: in [0, 1), the share of each class's training videos that becomes val where
            it is drawn.
        split_seed: any integer; changes which videos those are.

    Returns:
        Items with label; the group is the YouTube video.

    Raises:
        ValueError: No clips or no lists, none of the clips listed, a row that cannot be read, or
            a clip that is listed twice.
    """
    layout = "ID_000010_000020.mp4, and annotations/*.csv"
    media = flatten(open_media("kinetics", root, (), VIDEO, layout))
    listed = collect(_read_lists(media.root / pick_folder(media.root, _LIST_FOLDERS)))
    unused: list[str] = []
    if measure_on == "validation":
        listed, unused = measure_on_val(listed)
    drawn = draw_val(listed, val_fraction, split_seed)
    entries, shared = drop_shared_groups(drawn, "video")
    kept = leave_out(media, unused)
    return match_files("kinetics", kept, entries, {"classes": edition}, "clip", shared)


def _read_lists(folder: Path) -> Iterator[tuple[str, str, Entry]]:
    paths = sorted(folder.glob(_LISTS))
    if not paths:
        raise ValueError(
            f"kinetics: expected {_LISTS} with the columns label,{','.join(_COLUMNS)}, found none "
            f"in {folder}"
        )
    for path in paths:
        for row in read_rows(path, _COLUMNS):
            yield row.where, _stem(row), _entry(row)


def _stem(row: Record) -> str:
    start_s, end_s = row.whole("time_start"), row.whole("time_end")
    if not start_s < end_s <= _LONGEST_S:
        raise ValueError(
            f"{row.where}: expected time_end after time_start, got {start_s}, {end_s}"
        )
    return f"{row.word('youtube_id')}_{start_s:06d}_{end_s:06d}"


def _entry(row: Record) -> Entry:
    split = row.word("split")
    if split not in _SPLITS:
        raise ValueError(f"{row.where}: expected split train, validate or test, got {split!r}")
    return Entry(_SPLITS[split], row.text("label") or None, group=row.word("youtube_id"))
