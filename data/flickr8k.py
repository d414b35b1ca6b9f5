"""Flickr8k: photos of people and dogs doing things, five human sentences each."""

import posixpath
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from rnnmm.data.karpathy import read_photos
from rnnmm.data.listed import Entry, collect, describe_no_lists, match_files
from rnnmm.data.listing import (
    IMAGE,
    open_media,
    pick_folder,
    read_listed_name,
    read_split_lists,
)
from rnnmm.data.record import read_rows
from rnnmm.data.textfile import read_lines
from rnnmm.domain import Folder
from rnnmm.manifest import SPLITS, Manifest

_IMAGE_FOLDERS = ("images", "Images", "Flicker8k_Dataset", "Flickr8k_Dataset")
_TEXT_FOLDERS = ("Flickr8k_text",)
_KARPATHY = "dataset_flickr8k.json"
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

    Reads Karpathy's ``dataset_flickr8k.json`` where it is there; else the release's
    ``Flickr8k.token.txt`` and ``Flickr_8k.{train,dev,test}Images.txt``, which have the same split.
    See `list_photos`.

    Args:
        root: the corpus folder.

    Returns:
        Items with captions.

    Raises:
        ValueError: No photos, no sentences, or a line or an entry that cannot be read.
    """
    return list_photos("flickr8k", root)


def list_photos(name: str, root: str) -> Manifest:
    """The photos of Flickr8k or of a part of it.

    The photos lie in ``images/``, ``Images/``, ``Flicker8k_Dataset/`` or the root; the lists in
    the root or in ``Flickr8k_text/``. They may be ``captions.txt``, ``train.txt``, ``val.txt`` and
    ``test.txt`` as well. Without lists every photo counts as test.

    Args:
        name: of the dataset.
        root: the corpus folder.

    Raises:
        ValueError: As `prepare`.
    """
    media = open_media(name, root, _IMAGE_FOLDERS, IMAGE, "images/*.jpg")
    texts = media.root / pick_folder(media.root, _TEXT_FOLDERS)
    if (texts / _KARPATHY).is_file():
        entries = collect(read_photos(texts / _KARPATHY, SPLITS))
        return match_files(name, media, entries, _PUBLISHED, "photo")
    listed = read_split_lists(texts, _LISTS, IMAGE)
    captions = _read_captions(name, texts)
    splits = listed or dict.fromkeys(media.stems, "test")
    entries = {one: Entry(split, captions=captions.get(one, ())) for one, split in splits.items()}
    findings = () if listed else describe_no_lists(entries)
    return match_files(name, media, entries, _PUBLISHED, "photo", findings)


def _read_captions(name: str, folder: Path) -> Mapping[str, tuple[str, ...]]:
    """Photo stem -> its sentences, in the order of the file."""
    if (folder / _TABLE).is_file():
        rows = _read_table(folder / _TABLE)
    elif (folder / _TOKENS).is_file():
        rows = _read_tokens(folder / _TOKENS)
    else:
        raise ValueError(f"{name}: expected {_TABLE} or {_TOKENS} in {folder}, found neither")
    captions: dict[str, list[str]] = defaultdict(list)
    for where, image, caption in rows:
        if caption:
            captions[read_listed_name(image, IMAGE, where)].append(caption)
    return {image: tuple(sentences) for image, sentences in captions.items()}


def _read_table(path: Path) -> Iterator[tuple[str, str, str]]:
    for row in read_rows(path, ("image", "caption")):
        yield row.where, row.word("image"), row.text("caption")


def _read_tokens(path: Path) -> Iterator[tuple[str, str, str]]:
    for number, line in read_lines(path):
        where = f"{path}:{number}"
        key, tab, caption = line.partition("\t")
        image, mark, _ = key.rpartition("#")
        if not (tab and mark):
            raise ValueError(f"{where}: expected 'image.jpg#0<tab>caption', got {line!r}")
        yield where, posixpath.basename(image), caption.strip()
