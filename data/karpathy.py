"""Karpathy's lists of Flickr8k and COCO: photos, their splits and sentences in one JSON file."""

import posixpath
from collections.abc import Collection, Iterator
from pathlib import Path

from rnnmm.data.listed import Entry
from rnnmm.data.listing import IMAGE, read_listed_name
from rnnmm.data.record import Record, read_object


def read_photos(path: Path, splits: Collection[str]) -> Iterator[tuple[str, str, Entry]]:
    """(where, photo's name without extension, what is said of it) of all its ``images``.

    Args:
        path: such as ``dataset_coco.json``.
        splits: the names of splits that may occur; they are taken as they are.

    Raises:
        ValueError: The file is no such list, or an entry cannot be read.
    """
    for image in read_object(path).records("images"):
        split = image.word("split")
        if split not in splits:
            raise ValueError(f"{image.where}: expected split {', '.join(splits)}, got {split!r}")
        yield image.where, _name(image), Entry(split, captions=_captions(image))


def _name(image: Record) -> str:
    stem = read_listed_name(image.word("filename"), IMAGE, image.where)
    return posixpath.basename(stem)


def _captions(image: Record) -> tuple[str, ...]:
    texts = (sentence.text("raw") for sentence in image.records("sentences"))
    return tuple(text for text in texts if text)
