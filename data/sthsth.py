"""Something-Something v2: 174 things that people do with things; many differ in direction alone.

"Pushing [something] from left to right" is another class than "from right to left", so clips must
not be mirrored in training.
"""

from collections.abc import Iterator
from pathlib import Path

from rnnmm.data.listed import (
    Entry,
    collect,
    draw_val,
    flatten,
    leave_out,
    match_files,
)
from rnnmm.data.listing import VIDEO, open_media, pick_folder
from rnnmm.data.record import read_entries, read_object
from rnnmm.domain import Folder, Probability
from rnnmm.manifest import Manifest, count_of

_LIST_FOLDERS = ("labels", "annotations")
_PREFIX = "something-something-v2-"
_LISTS = {"train": "train", "validation": "test"}  # list -> our split
_PUBLISHED = {"train+val": 168_913, "test": 24_777, "classes": 174}


def prepare(root: Folder, val_fraction: Probability = 0.02, split_seed: int = 0) -> Manifest:
    """Reads ``labels.json``, ``train.json`` and ``validation.json``, and finds ``ID.webm``.

    The lists lie in ``labels/``, ``annotations/`` or the root, with or without
    ``something-something-v2-`` before their names; the clips anywhere below the root. The
    published test has no labels: the published validation part is the test here, as in all
    publications, and val is drawn out of train.

    Args:
        root: the corpus folder.
        val_fraction: in [0, 1), the share of each class's training clips that becomes val.
        split_seed: any integer; changes which clips those are.

    Returns:
        Items with label, the template without its brackets. There is no group: who filmed a clip
        was not published.

    Raises:
        ValueError: No clips or no lists, none of the clips listed, an entry that cannot be read
            or has an unknown label, or a clip that is listed twice.
    """
    layout = "ID.webm, and labels.json, train.json and validation.json"
    media = flatten(open_media("sthsth", root, (), VIDEO, layout))
    lists = media.root / pick_folder(media.root, _LIST_FOLDERS)
    listed = collect(_read_lists(lists))
    unlabelled = list(_read_unlabelled(lists))
    return match_files(
        "sthsth",
        leave_out(media, unlabelled),
        draw_val(listed, val_fraction, split_seed),
        _PUBLISHED,
        "clip",
        _describe(len(unlabelled)),
    )


def _read_lists(folder: Path) -> Iterator[tuple[str, str, Entry]]:
    labels = _locate(folder, "labels.json")
    classes = read_object(labels).cells
    for part, split in _LISTS.items():
        for entry in read_entries(_locate(folder, f"{part}.json")):
            label = entry.word("template").replace("[", "").replace("]", "")
            if label not in classes:
                raise ValueError(f"{entry.where}: expected a label of {labels}, got {label!r}")
            yield entry.where, entry.word("id"), Entry(split, label)


def _read_unlabelled(folder: Path) -> Iterator[str]:
    paths = (folder / f"{prefix}test.json" for prefix in (_PREFIX, ""))
    for path in paths:
        if path.is_file():
            yield from (entry.word("id") for entry in read_entries(path))


def _locate(folder: Path, name: str) -> Path:
    for candidate in (folder / f"{_PREFIX}{name}", folder / name):
        if candidate.is_file():
            return candidate
    raise ValueError(f"sthsth: expected {_PREFIX}{name} or {name} in {folder}, found neither")


def _describe(num_unlabelled: int) -> tuple[str, ...]:
    if not num_unlabelled:
        return ()
    clips = count_of(num_unlabelled, "clip")
    return (f"{clips} of the published test, which has no labels, not used",)
