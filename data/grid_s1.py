"""GRID, speaker s1: audio-visual commands such as "bin blue at f two now"."""

import posixpath
from pathlib import Path

from rnnmm.data.alignment import read_words
from rnnmm.data.finding import report_files, report_sizes, to_manifest
from rnnmm.data.listing import (
    AUDIO,
    VIDEO,
    find_media,
    open_media,
    pick_folder,
    read_split_lists,
)
from rnnmm.data.split import assign_splits, carve_val
from rnnmm.domain import Folder, Probability
from rnnmm.manifest import Item, Manifest, Segment, check_count

_LISTS = {"train": ("train.txt",), "val": ("val.txt",), "test": ("test.txt",)}
_PUBLISHED_CLIPS = 1000


def prepare(root: Folder, val_fraction: Probability = 0.1, split_seed: int = 0) -> Manifest:
    """Lists the clips of ``video/`` (or of the root) with the words of ``align/ID.align``.

    The lists ``train.txt`` and ``test.txt`` give the split; val is taken out of train by a hash of
    the id, unless there is a ``val.txt``. Without lists every clip counts as test.

    Args:
        root: the corpus folder.
        val_fraction: in [0, 1), the share of the listed train clips that becomes val.
        split_seed: any integer; changes which clips those are.

    Returns:
        Items with text, its words as segments, and speaker ("s1"). There is no group: one speaker
        is in every split.

    Raises:
        ValueError: No clips, none with its words, or a line that cannot be read.
    """
    layout = "video/ID.mp4 and align/ID.align"
    media = open_media("grid_s1", root, ("video", "audio"), VIDEO + AUDIO, layout)
    listed = read_split_lists(media.root, _LISTS, VIDEO + AUDIO)
    carved = carve_val(listed, val_fraction, split_seed)
    splits, differences = assign_splits(media.stems, carved)
    words = _read_alignments(media.root)
    items = [
        _item(stem, media.stems[stem], split, words[stem])
        for stem, split in splits.items()
        if stem in words
    ]
    mute = [stem for stem in splits if stem not in words]
    findings = (
        *check_count("clips", len(media.stems), _PUBLISHED_CLIPS),
        *differences,
        *report_files("without an alignment, not used", mute, "clip"),
        *report_sizes(items),
        *media.findings,
    )
    return to_manifest("grid_s1", media.root, items, findings)


def _item(id: str, path: str, split: str, words: tuple[Segment, ...]) -> Item:
    text = " ".join(word.label for word in words)
    return Item(id, path, split, text=text, speaker="s1", segments=words)


def _read_alignments(root: Path) -> dict[str, tuple[Segment, ...]]:
    alignments = find_media(root, pick_folder(root, ("align", "alignments")), (".align",))
    return {
        posixpath.basename(stem): tuple(read_words(root / path))
        for stem, path in alignments.stems.items()
    }
