"""GMDCSA24: four people at home, filmed as they sit, walk, read, sleep and fall."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from rnnmm.data.finding import report_files, report_sizes, to_manifest
from rnnmm.data.listing import VIDEO, open_media, strip_extension
from rnnmm.data.textfile import read_csv
from rnnmm.domain import Folder
from rnnmm.manifest import Item, Manifest, Segment, check_count, name_some

_PUBLISHED_CLIPS = 160
_KINDS = ("ADL", "Fall")  # activities of daily living, and falls
_HEADER = ("File Name", "Description", "Classes")
# A word of three letters or more is an action, two numbers apart are one of its times; what stands
# between (brackets that do not close, "to" or none, the direction of a fall) tells nothing more.
_TOKEN = re.compile(r"(?P<action>[A-Za-z]{3,})|(?P<start>[0-9.]+)(?:\s*to\s*|\s+)(?P<end>[0-9.]+)")
_ACTIONS = {"fall": "falling"}  # two names for one


class _Clip(NamedTuple):
    description: str
    segments: tuple[Segment, ...]
    faults: tuple[str, ...]  # of its times


def prepare(
    root: Folder,
    test_subject: str = "subject1",
    val_subject: str = "subject2",
    train_falls: bool = True,
) -> Manifest:
    """Lists ``subjectN/{ADL,Fall}/NN.mp4`` with what ``subjectN/{ADL,Fall}.csv`` says of them.

    Args:
        root: the corpus folder.
        test_subject: the person whose clips are the test.
        val_subject: the person whose clips are val; the others are trained on.
        train_falls: False: train holds no clips with falls, so that they are unheard of.

    Returns:
        Items with the description as caption, the kind of clip as label, the timed actions as
        segments (in lower case, falls without their direction), the person as speaker and group.

    Raises:
        ValueError: No clips, a person who is not there, a table without its columns.
    """
    media = open_media("gmdcsa24", root, (), VIDEO, "subjectN/ADL/NN.mp4 and subjectN/ADL.csv")
    splits = _splits({stem.split("/")[0] for stem in media.stems}, test_subject, val_subject)
    clips = _read_tables(media.root)
    items = [
        _item(stem, path, splits[stem.split("/")[0]], clips[stem])
        for stem, path in media.stems.items()
        if stem in clips
    ]
    kept = [item for item in items if train_falls or item.split != "train" or item.label == "ADL"]
    num_falls = len(items) - len(kept)
    odd = [f"{stem} ({'; '.join(clips[stem].faults)})" for stem in media.stems
           if stem in clips and clips[stem].faults]  # fmt: skip
    findings = (
        *check_count("clips", len(items), _PUBLISHED_CLIPS),
        *report_files("listed but absent", (s for s in clips if s not in media.stems), "clip"),
        *report_files("in no table, not used", (s for s in media.stems if s not in clips), "clip"),
        *((f"actions without a time, left out: {name_some(odd)}",) if odd else ()),
        *((f"train_falls=false: {num_falls} clips of train left out",) if num_falls else ()),
        *report_sizes(kept),
        *media.findings,
    )
    return to_manifest("gmdcsa24", media.root, kept, findings)


def _splits(subjects: set[str], test_subject: str, val_subject: str) -> dict[str, str]:
    for option, name in (("test_subject", test_subject), ("val_subject", val_subject)):
        if name not in subjects:
            known = ", ".join(sorted(subjects))
            raise ValueError(f"gmdcsa24: expected dataset.{option} among {known}, got {name!r}")
    return {**dict.fromkeys(subjects, "train"), val_subject: "val", test_subject: "test"}


def _item(stem: str, path: str, split: str, clip: _Clip) -> Item:
    subject, kind, _ = stem.split("/")
    captions = (clip.description,) if clip.description else ()
    return Item(
        stem, path, split,
        speaker=subject, label=kind, captions=captions, group=subject, segments=clip.segments,
    )  # fmt: skip


def _read_tables(root: Path) -> dict[str, _Clip]:
    """Clip, as ``subjectN/ADL/NN``, to what is said of it."""
    return {
        f"{table.parent.name}/{kind}/{name}": clip
        for kind in _KINDS
        for table in sorted(root.glob(f"*/{kind}.csv"))
        for name, clip in _read_table(table)
    }


def _read_table(table: Path) -> Iterator[tuple[str, _Clip]]:
    rows = read_csv(table)
    header = [name.strip() for name in next(rows, (1, []))[1]]
    if not set(_HEADER) <= set(header):
        raise ValueError(f"{table}:1: expected the columns {', '.join(_HEADER)}, got {header}")
    for line, cells in rows:
        if len(cells) != len(header):
            raise ValueError(f"{table}:{line}: expected {len(header)} cells, got {len(cells)}")
        name, description, actions = (cells[header.index(column)].strip() for column in _HEADER)
        yield strip_extension(name, VIDEO), _Clip(description, *_read_actions(actions))


def _read_actions(text: str) -> tuple[tuple[Segment, ...], tuple[str, ...]]:
    """``Sitting[0 to 1; 3 to 4]; Falling (SW)[1 to 3]``, however it is typed, and what has no
    time."""
    segments, faults, timed = [], [], True
    action = ""
    for token in _TOKEN.finditer(text):
        if token["action"]:
            faults += [] if timed else [action]
            action, timed = token["action"].lower(), False
            action = _ACTIONS.get(action, action)
        else:
            segment = _segment(token, action)
            segments += [segment] if segment else []
            faults += [] if segment else [f"{action} {token[0]}"]
            timed = True
    return tuple(segments), tuple(faults if timed else [*faults, action])


def _segment(token: re.Match[str], action: str) -> Segment | None:
    try:
        start, end = float(token["start"]), float(token["end"])
    except ValueError:
        return None
    return Segment(start, end, action) if action and start < end else None
