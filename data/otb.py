"""OTB: one object in each of 100 sequences, a box in every frame."""

import re
from pathlib import Path

from rnnmm.data.finding import report_files, report_sizes, to_manifest
from rnnmm.data.jpegs import PictureSize, join_jpegs
from rnnmm.data.listing import open_root
from rnnmm.data.textfile import read_lines
from rnnmm.domain import Folder, Positive
from rnnmm.manifest import Item, Manifest, Segment, check_count
from rnnmm.text.boxes import Box, Sighting, write_sighting

_PUBLISHED = 100
_BOXES = re.compile(r"groundtruth_rect(?:\.(?P<object>[0-9]+))?\.txt")
_CLIPS = "rnnmm_clips"
_FIRST = {"David": 300}  # the picture of the first box, where that is not the first picture


def prepare(root: Folder, frame_rate: Positive = 30.0) -> Manifest:
    """Lists ``NAME/img/NNNN.jpg`` with ``NAME/groundtruth_rect.txt``; all of it is test.

    Boxes are ``left,top,width,height``, the first pixel counted as 1, with commas, tabs or spaces
    between. Sequences of several objects have ``groundtruth_rect.1.txt`` and so on: an item each.
    The pictures are copied, once, into a Motion JPEG file for each sequence, below
    ``rnnmm_clips``.

    Args:
        root: the corpus folder.
        frame_rate: of the clips: pictures have none; decode as many per second.

    Returns:
        Items with a box a frame as segments, the sequence as group. Where there are fewer boxes
        than pictures the clip ends with the boxes; that of David begins with picture 300, as they
        do.

    Raises:
        ValueError: No sequences, a line that is no box, a picture that is no JPEG file.
    """
    folder = open_root("otb", root)
    files = sorted(p for p in folder.glob("*/*.txt") if _BOXES.fullmatch(p.name))
    items, bare = [], []
    for path in files:
        pictures = sorted((path.parent / "img").glob("*.jpg"))
        if pictures:
            items.append(_item(folder, path, pictures, frame_rate))
        else:
            bare.append(path.parent.name)
    findings = (
        *check_count("objects", len(items), _PUBLISHED),
        *report_files("without pictures, left out", bare, "sequence"),
        *report_sizes(items),
    )
    return to_manifest("otb", folder, items, findings)


def _item(folder: Path, path: Path, pictures: list[Path], frame_rate: float) -> Item:
    boxes = [_box(line, f"{path}:{number}") for number, line in read_lines(path)]
    name = path.parent.name
    first = _FIRST.get(name, 1) - 1
    pictures = pictures[first : first + len(boxes)]
    match = _BOXES.fullmatch(path.name)
    assert match is not None
    suffix = f".{match['object']}" if match["object"] else ""
    place = f"{_CLIPS}/{name}{suffix}.mkv"
    size = join_jpegs(pictures, folder / place, frame_rate)
    segments = _segments(boxes[: len(pictures)], size, frame_rate)
    return Item(f"{name}{suffix}", place, "test", group=name, segments=segments)


def _box(line: str, where: str) -> Box:
    parts = [part for part in re.split(r"[\s,]+", line) if part]
    try:
        x, y, width, height = map(float, parts)
    except ValueError:
        raise ValueError(
            f"{where}: expected left, top, width and height, got {line[:40]!r}"
        ) from None
    return Box(x - 1, y - 1, width, height)


def _segments(boxes: list[Box], size: PictureSize, frame_rate: float) -> tuple[Segment, ...]:
    """A box without an inside says that the object cannot be seen."""
    return tuple(
        write_sighting(Sighting(n / frame_rate, (n + 1) / frame_rate, box, *size))
        for n, box in enumerate(boxes)
        if box.width > 0 and box.height > 0
    )
