"""Flickr8k: photos of people and dogs doing things, five human sentences each."""

import posixpath
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from rnnmm.data.finding import report_files, report_sizes, to_manifest
from rnnmm.data.listing import IMAGE, open_media, pick_folder, read_split_lists, strip_extension
from rnnmm.data.split import assign_splits
from rnnmm.data.textfile import read_csv, read_lines
from rnnmm.domain import Folder
from rnnmm.manifest import Item, Manifest, check_count

_IMAGE_FOLDERS = ("images", "Images", "Flicker8k_Dataset", "Flickr8k_Dataset")
_TEXT_FOLDERS = ("Flickr8k_text",)
_LISTS = {
    "train": ("train.txt", "Flickr_8k.trainImages.txt"),
    "val": ("val.txt", "Flickr_8k.devImages.txt"),
    "test": ("test.txt", "Flickr_8k.testImages.txt"),
}
_TABLE = "captions.txt"  # rows image,caption
_TOKENS = "Flickr8k.token.txt"  # lines image.jpg#0<tab>caption
_PUBLISHED = {"train": 6000, "val": 1000, "test": 1000}  # of 8091 photos, 91 are in no list


def prepare(root: Folder) -> Manifest:
    """Lists the photos with their sentences; the corpus's own lists give the split.

    Reads ``captions.txt``, ``train.txt``, ``val.txt``, ``test.txt`` and ``images/``, or the
    release's ``Flickr8k.token.txt``, ``Flickr_8k.{train,dev,test}Images.txt`` (in the root or in
    ``Flickr8k_text/``) and ``Flicker8k_Dataset/``. Without lists every photo counts as test.

    Args:
        root: the corpus folder.

    Returns:
        Items with captions.

    Raises:
        ValueError: No photos, no sentences, or a line that cannot be read.
    """
    media = open_media("flickr8k_1k", root, _IMAGE_FOLDERS, IMAGE, "images/*.jpg")
    texts = media.root / pick_folder(media.root, _TEXT_FOLDERS)
    listed = read_split_lists(texts, _LISTS, IMAGE)
    splits, differences = assign_splits(media.stems, listed)
    captions = _read_captions(texts)
    items = [
        Item(stem, media.stems[stem], split, captions=tuple(captions[stem]))
        for stem, split in splits.items()
        if stem in captions
    ]
    mute = [stem for stem in splits if stem not in captions]
    findings = (
        *_check_counts(items),
        *differences,
        *report_files("without a caption, not used", mute, "photo"),
        *report_sizes(items),
        *media.findings,
    )
    return to_manifest("flickr8k_1k", media.root, items, findings)


def _read_captions(folder: Path) -> dict[str, list[str]]:
    """Photo stem -> its sentences, in the order of the file."""
    if (folder / _TABLE).is_file():
        rows = _read_table(folder / _TABLE)
    elif (folder / _TOKENS).is_file():
        rows = _read_tokens(folder / _TOKENS)
    else:
        raise ValueError(f"flickr8k_1k: expected {_TABLE} or {_TOKENS} in {folder}, found neither")
    captions = defaultdict(list)
    for image, caption in rows:
        if caption.strip():
            captions[strip_extension(image, IMAGE)].append(caption.strip())
    return dict(captions)


def _read_table(path: Path) -> Iterator[tuple[str, str]]:
    rows = read_csv(path)
    if next(rows, (1, []))[1] != ["image", "caption"]:
        raise ValueError(f"{path}:1: expected the header 'image,caption'")
    for line, cells in rows:
        if len(cells) != 2:
            raise ValueError(
                f"{path}:{line}: expected image,caption, got {len(cells)} cells; put a caption "
                f"that holds a comma in double quotes"
            )
        yield cells[0], cells[1]


def _read_tokens(path: Path) -> Iterator[tuple[str, str]]:
    for number, line in read_lines(path):
        key, tab, caption = line.partition("\t")
        image, mark, _ = key.rpartition("#")
        if not (tab and mark):
            raise ValueError(f"{path}:{number}: expected 'image.jpg#0<tab>caption', got {line!r}")
        yield posixpath.basename(image), caption


def _check_counts(items: list[Item]) -> tuple[str, ...]:
    return tuple(
        finding
        for split, published in _PUBLISHED.items()
        for finding in check_count(
            f"{split} photos", sum(item.split == split for item in items), published
        )
    )
