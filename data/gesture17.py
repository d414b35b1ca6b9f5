"""Seventeen dynamic hand gestures, drawn as hand skeletons on black.

Several classes differ in direction alone, and clips recorded one after the other are near
duplicates: every split is by blocks of recording order, never at random.
"""

import re
from collections import defaultdict
from collections.abc import Mapping

from rnnmm.data.finding import report_files, report_sizes, to_manifest
from rnnmm.data.listing import VIDEO, open_media, read_split_lists
from rnnmm.data.split import assign_splits, check_fractions
from rnnmm.domain import Folder, Probability
from rnnmm.manifest import Item, Manifest, check_count
from rnnmm.units import round_half_up

_LISTS = {"train": ("train.txt",), "val": ("val.txt",), "test": ("test.txt",)}
_PUBLISHED_CLASSES = 17  # the release states no number of clips
# Recordings that the release holds twice, the earlier and the later, byte for byte the same.
_COPIES = {
    f"16_CCW_Rotation/sk_color_{earlier}": f"16_CCW_Rotation/sk_color_{later}"
    for earlier, later in ((944, 973), (946, 965), (947, 990), (949, 994), (956, 996), (959, 998))
}


def prepare(root: Folder, val_fraction: Probability = 0.1) -> Manifest:
    """Lists the clips ``NN_Class/sk_color_N.*``, N being the order of recording.

    The lists ``train.txt`` and ``test.txt`` give the split; val is the last block of each class's
    train clips, unless there is a ``val.txt``. Without lists every clip counts as test. Of six
    recordings that the release holds twice the earlier is left out where the later has gone to
    another split.

    Args:
        root: the corpus folder.
        val_fraction: in [0, 1), the share of each class's listed train clips that becomes val.

    Returns:
        Items with label, the class folder's full name. There is no group: the blocks follow the
        recording order, and no mark of who recorded them was published.

    Raises:
        ValueError: No clips in class folders, or none of them is listed.
    """
    check_fractions(val_fraction=val_fraction)
    media = open_media("gesture17", root, (), VIDEO, "NN_Class/sk_color_N.mp4")
    clips = {stem: path for stem, path in media.stems.items() if stem.count("/") == 1}
    listed = _carve_last_block(read_split_lists(media.root, _LISTS, VIDEO), val_fraction)
    splits, differences = assign_splits(clips, listed)
    leaks = _leaking_copies(splits)
    items = [
        Item(stem, clips[stem], split, label=_class_of(stem))
        for stem, split in sorted(splits.items(), key=lambda pair: _recording_order(pair[0]))
        if stem not in leaks
    ]
    odd = [path for stem, path in media.stems.items() if stem not in clips]
    num_classes = len({item.label for item in items})
    findings = (
        *check_count("classes", num_classes, _PUBLISHED_CLASSES),
        *differences,
        *report_files("not used, copies of clips of another split", leaks, "clip"),
        *report_files("outside the class folders, not used", odd, "clip"),
        *report_sizes(items),
        *media.findings,
    )
    return to_manifest("gesture17", media.root, items, findings)


def _leaking_copies(splits: Mapping[str, str]) -> list[str]:
    """The earlier of two copies, where the later one is in another split."""
    return [
        earlier
        for earlier, later in _COPIES.items()
        if earlier in splits and splits.get(later, splits[earlier]) != splits[earlier]
    ]


def _carve_last_block(listed: Mapping[str, str], val_fraction: float) -> dict[str, str]:
    if "val" in listed.values():
        return dict(listed)
    train = defaultdict(list)
    for stem, split in listed.items():
        if split == "train":
            train[_class_of(stem)].append(stem)
    splits = dict(listed)
    for stems in train.values():
        size = round_half_up(len(stems) * val_fraction)
        last = sorted(stems, key=_recording_order)[len(stems) - size :]
        splits.update(dict.fromkeys(last, "val"))
    return splits


def _class_of(stem: str) -> str:
    return stem.split("/")[0]


def _recording_order(stem: str) -> tuple[str, int, str]:
    number = re.search(r"([0-9]+)$", stem)
    return _class_of(stem), int(number[1]) if number else -1, stem
