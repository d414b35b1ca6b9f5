"""UCF101: 101 human actions from YouTube; clips of one group show one person in one place."""

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from rnnmm.data.listed import (
    Entry,
    collect,
    describe_no_lists,
    draw_val,
    flatten,
    match_files,
    read_numbered,
)
from rnnmm.data.listing import VIDEO, Media, open_media, pick_folder
from rnnmm.data.textfile import read_lines
from rnnmm.domain import Folder, Probability
from rnnmm.manifest import Manifest

_MEDIA_FOLDERS = ("UCF-101", "UCF101", "videos")
_LIST_FOLDERS = ("ucfTrainTestlist", "annotations", "splits")
_NAME = re.compile(r"v_(.+)_g([0-9]+)_c[0-9]+")
_PUBLISHED = {1: (9537, 3783), 2: (9586, 3734), 3: (9624, 3696)}  # fold -> train, test
_PUBLISHED_CLASSES = 101


def prepare(
    root: Folder,
    fold: Literal[1, 2, 3] = 1,
    val_fraction: Probability = 0.1,
    split_seed: int = 0,
) -> Manifest:
    """Lists ``CLASS/v_CLASS_gGG_cCC.avi`` by ``trainlist0N.txt`` and ``testlist0N.txt``.

    The lists lie in the root or in ``ucfTrainTestlist/``, the clips in class folders or flat. Val
    is drawn out of the training groups, whole, so that no group is in two splits. Without lists
    every clip counts as test.

    Args:
        root: the corpus folder.
        fold: which of the three published splits.
        val_fraction: in [0, 1), the share of each class's training groups that becomes val.
        split_seed: any integer; changes which groups those are.

    Returns:
        Items with label, and the group, such as ``Archery_g07``.

    Raises:
        ValueError: No clips, none of them listed, a line that cannot be read, or a clip that is
            listed twice.
    """
    layout = "CLASS/v_CLASS_gGG_cCC.avi, and trainlist01.txt and testlist01.txt"
    media = flatten(open_media("ucf101", root, _MEDIA_FOLDERS, VIDEO, layout))
    lists = media.root / pick_folder(media.root, _LIST_FOLDERS)
    listed = collect(_read_lists(lists, fold))
    entries = draw_val(listed, val_fraction, split_seed) if listed else _all_test(media)
    train, test = _PUBLISHED[fold]
    published = {"train+val": train, "test": test, "classes": _PUBLISHED_CLASSES}
    findings = () if listed else describe_no_lists(entries)
    return match_files("ucf101", media, entries, published, "clip", findings)


def _read_lists(folder: Path, fold: int) -> Iterator[tuple[str, str, Entry]]:
    classes = _read_classes(folder / "classInd.txt")
    for split in ("train", "test"):
        path = folder / f"{split}list{fold:02d}.txt"
        for line in read_numbered(path, VIDEO) if path.is_file() else ():
            entry = _entry(line.name, split)
            if entry is None:
                raise ValueError(
                    f"{line.where}: expected CLASS/v_CLASS_gGG_cCC.avi, got {line.name!r}"
                )
            wanted = classes.get(line.number or 0, entry.label)
            if wanted != entry.label:
                raise ValueError(
                    f"{line.where}: expected {wanted}, which is class {line.number} in "
                    f"classInd.txt, got {entry.label}"
                )
            yield line.where, posixpath.basename(line.name), entry


def _entry(stem: str, split: str) -> Entry | None:
    """What a path without extension says; None where it is not named as published.

    The folder's name goes before the file's: ``HandstandPushups/v_HandStandPushups_g01_c01``.
    """
    folder, name = posixpath.split(stem)
    match = _NAME.fullmatch(name)
    if not match:
        return None
    label = posixpath.basename(folder) or match[1]
    return Entry(split, label, group=f"{label}_g{match[2]}")


def _read_classes(path: Path) -> dict[int, str]:
    """Number -> class, of the lines ``1 ApplyEyeMakeup``; empty where there is no such file."""
    classes = {}
    for number, line in read_lines(path) if path.is_file() else ():
        index, _, label = line.partition(" ")
        if not (index.isascii() and index.isdigit() and label.strip()):
            raise ValueError(f"{path}:{number}: expected '1 ApplyEyeMakeup', got {line!r}")
        classes[int(index)] = label.strip()
    return classes


def _all_test(media: Media) -> dict[str, Entry]:
    found = {
        stem: _entry(f"{posixpath.dirname(p)}/{stem}", "test") for stem, p in media.stems.items()
    }
    return {stem: entry for stem, entry in found.items() if entry is not None}
