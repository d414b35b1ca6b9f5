"""MOT: many people in each sequence, each with a number and a box in the frames they are in."""

import configparser
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from rnnmm.data.finding import report_files, report_sizes, to_manifest
from rnnmm.data.jpegs import PictureSize, join_jpegs
from rnnmm.data.listing import open_root
from rnnmm.data.split import split_by_hash
from rnnmm.data.textfile import read_csv, read_text
from rnnmm.domain import Count, Folder, Size
from rnnmm.manifest import Item, Manifest, Segment
from rnnmm.text.boxes import Box, Sighting, write_sighting

_CLIPS = "rnnmm_clips"
_PERSON = "1"


class _Sequence(NamedTuple):
    name: str
    folder: Path
    pictures: list[Path]
    frame_rate: float


def prepare(
    root: Folder, split_seed: Count = 0, min_frames: Size = 20, all_test: bool = False
) -> Manifest:
    """Lists ``NAME/{seqinfo.ini,img1/*.jpg,gt/gt.txt}``, at any depth: an item for each person.

    ``gt.txt`` has lines ``frame,person,left,top,width,height,counts,class,visibility``, the first
    frame and pixel counted as 1; lines that do not count, and classes other than 1, are no
    people. A person who is gone for a while and comes back is two items. The pictures are copied,
    once, into a Motion JPEG file for each sequence, below ``rnnmm_clips``.

    Args:
        root: the corpus folder.
        split_seed: a sixth of the sequences is val, a sixth test, drawn by their names.
        min_frames: who is seen for fewer frames is left out.
        all_test: every sequence is test.

    Returns:
        Items from the person's first frame to the last, a box a frame as segments, the sequence
        as group.

    Raises:
        ValueError: No sequences, a line that is no box, a list without frame rate.
    """
    folder = open_root("mot", root)
    lists = sorted(folder.rglob("gt/gt.txt"))
    sequences = [
        _sequence(path) for path in lists if any((path.parents[1] / "img1").glob("*.jpg"))
    ]
    splits = split_by_hash({one.name: "mot" for one in sequences}, 1 / 6, 1 / 6, split_seed)
    items = [
        item
        for one in sequences
        for item in _items(folder, one, "test" if all_test else splits[one.name], min_frames)
    ]
    kept = {one.folder for one in sequences}
    bare = [path.parents[1].name for path in lists if path.parents[1] not in kept]
    findings = (
        *report_files("without pictures, left out", bare, "sequence"),
        *report_sizes(items),
    )
    return to_manifest("mot", folder, items, findings)


def _sequence(path: Path) -> _Sequence:
    folder = path.parents[1]
    info = configparser.ConfigParser(interpolation=None)
    try:
        info.read_string(read_text(folder / "seqinfo.ini"))
        frame_rate = info.getfloat("Sequence", "frameRate")
    except (OSError, ValueError, configparser.Error) as error:
        reason = " ".join(str(error).split())
        raise ValueError(
            f"{folder / 'seqinfo.ini'}: expected a section [Sequence] with frameRate, got {reason}"
        ) from None
    return _Sequence(folder.name, folder, sorted((folder / "img1").glob("*.jpg")), frame_rate)


def _items(root: Path, sequence: _Sequence, split: str, min_frames: int) -> list[Item]:
    place = f"{_CLIPS}/{sequence.name}.mkv"
    size = join_jpegs(sequence.pictures, root / place, sequence.frame_rate)
    return [
        _item(sequence, person, run, boxes, place, split, size)
        for person, boxes in _read_boxes(sequence).items()
        for run in _runs(sorted(boxes))
        if run[1] - run[0] >= min_frames
    ]


def _read_boxes(sequence: _Sequence) -> dict[int, dict[int, Box]]:
    """Person -> frame, from 0 -> box."""
    people: dict[int, dict[int, Box]] = defaultdict(dict)
    path = sequence.folder / "gt" / "gt.txt"
    for number, cells in read_csv(path, ","):
        try:
            frame, person = int(cells[0]) - 1, int(cells[1])
            x, y, width, height = map(float, cells[2:6])
            counts = float(cells[6]) > 0
        except (ValueError, IndexError):
            raise ValueError(
                f"{path}:{number}: expected frame,person,left,top,width,height,counts,..., got "
                f"{','.join(cells)[:40]!r}"
            ) from None
        is_person = len(cells) < 8 or cells[7].strip() in (_PERSON, "-1")
        if counts and is_person and 0 <= frame < len(sequence.pictures) and min(width, height) > 0:
            people[person][frame] = Box(x - 1, y - 1, width, height)
    return dict(sorted(people.items()))


def _runs(frames: list[int]) -> list[tuple[int, int]]:
    """Half-open runs of numbers that follow each other."""
    runs: list[tuple[int, int]] = []
    for frame in frames:
        if runs and runs[-1][1] == frame:
            runs[-1] = (runs[-1][0], frame + 1)
        else:
            runs.append((frame, frame + 1))
    return runs


def _item(
    sequence: _Sequence,
    person: int,
    run: tuple[int, int],
    boxes: dict[int, Box],
    place: str,
    split: str,
    size: PictureSize,
) -> Item:
    rate, (start, end) = sequence.frame_rate, run
    segments: tuple[Segment, ...] = tuple(
        write_sighting(Sighting((n - start) / rate, (n - start + 1) / rate, boxes[n], *size))
        for n in range(start, end)
    )
    return Item(
        f"{sequence.name}/{person}@{start}", place, split, start / rate, end / rate,
        group=sequence.name, segments=segments,
    )  # fmt: skip
