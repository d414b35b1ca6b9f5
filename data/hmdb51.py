"""HMDB51: 51 human actions from films and YouTube, 100 clips of each in each published split."""

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from rnnmm.data.listed import (
    Entry,
    Line,
    collect,
    describe_no_lists,
    draw_val,
    drop_shared_groups,
    flatten,
    leave_out,
    match_files,
    read_numbered,
)
from rnnmm.data.listing import VIDEO, Media, open_media, pick_folder
from rnnmm.domain import Folder, Probability
from rnnmm.manifest import Manifest, count_of

_MEDIA_FOLDERS = ("videos", "hmdb51_org", "hmdb51")
_LIST_FOLDERS = (
    "testTrainMulti_7030_splits", "test_train_splits", "splits", "annotations", "metafile",
)  # fmt: skip
_SPLITS = {1: "train", 2: "test"}
_UNUSED = 0
# Behind source and action: what is seen, does the camera move, how many people, from where, how
# good, and a counter.
_MARKS = r"_[a-z]_[cn]m_np[0-9]+_[a-z]{2}_(?:goo|med|bad)_[0-9]+"
_PUBLISHED = {"train+val": 3570, "test": 1530, "classes": 51}


def prepare(
    root: Folder,
    fold: Literal[1, 2, 3] = 1,
    val_fraction: Probability = 0.1,
    split_seed: int = 0,
) -> Manifest:
    """Lists ``CLASS/*.avi`` by ``CLASS_test_splitN.txt``, whose 1 is train, 2 test and 0 unused.

    The lists lie in the root or in ``testTrainMulti_7030_splits/``. Val is drawn out of the
    training clips, all that come from one source video together. Without lists every clip counts
    as test.

    Args:
        root: the corpus folder.
        fold: which of the three published splits.
        val_fraction: in [0, 1), the share of each class's training sources that becomes val.
        split_seed: any integer; changes which sources those are.

    Returns:
        Items with label; the group is the source video, by its name. The published split is kept
        even where it shares a source, which is then a finding.

    Raises:
        ValueError: No clips, none of them listed, a line that cannot be read, or a clip that is
            listed twice.
    """
    layout = "CLASS/*.avi, and CLASS_test_split1.txt"
    media = flatten(open_media("hmdb51", root, _MEDIA_FOLDERS, VIDEO, layout))
    lists = media.root / pick_folder(media.root, _LIST_FOLDERS)
    listed = collect(_read_lists(lists, fold))
    unused = [name for name, entry in listed.items() if entry is None]
    used = {name: entry for name, entry in listed.items() if entry is not None}
    drawn = draw_val(used, val_fraction, split_seed) if listed else _all_test(media)
    entries, shared = drop_shared_groups(drawn, "source video")
    rule = _describe(len(unused)) if listed else describe_no_lists(entries)
    kept = leave_out(media, unused)
    return match_files("hmdb51", kept, entries, _PUBLISHED, "clip", (*rule, *shared))


def _read_lists(folder: Path, fold: int) -> Iterator[tuple[str, str, Entry | None]]:
    """(where, clip, what is said of it); None: it is in neither part."""
    mark = f"_test_split{fold}.txt"
    for path in sorted(folder.glob(f"*{mark}")):
        label = path.name.removesuffix(mark)
        for line in read_numbered(path, VIDEO):
            yield line.where, posixpath.basename(line.name), _entry(line, label)


def _entry(line: Line, label: str) -> Entry | None:
    if line.number == _UNUSED:
        return None
    if line.number not in _SPLITS:
        raise ValueError(
            f"{line.where}: expected 'NAME.avi' and 0, 1 or 2, got {line.name!r} and {line.number}"
        )
    return Entry(_SPLITS[line.number], label, group=_source(posixpath.basename(line.name), label))


def _source(stem: str, label: str) -> str:
    """The video a clip was cut out of; clips of other actions in it are another matter."""
    match = re.fullmatch(rf"(.+)_{re.escape(label)}{_MARKS}", stem)
    return f"{label}/{match[1] if match else stem}"


def _all_test(media: Media) -> dict[str, Entry]:
    labels = {s: posixpath.basename(posixpath.dirname(path)) for s, path in media.stems.items()}
    return {
        stem: Entry("test", label, group=_source(stem, label))
        for stem, label in labels.items()
        if label
    }


def _describe(num_unused: int) -> tuple[str, ...]:
    if not num_unused:
        return ()
    return (f"{count_of(num_unused, 'clip')} in neither part of this published split, not used",)
