"""COCO captions in Karpathy's splits: photos of everyday scenes, five human sentences each."""

from typing import Literal

from rnnmm.data.karpathy import read_photos
from rnnmm.data.listed import collect, flatten, leave_out, match_files
from rnnmm.data.listing import IMAGE, open_media
from rnnmm.domain import Folder
from rnnmm.manifest import Manifest

_LIST = "dataset_coco.json"
_SPLITS = ("train", "restval", "val", "test")
_PUBLISHED_TRAIN, _PUBLISHED_RESTVAL = 82_783, 30_504


def prepare(root: Folder, restval: Literal["train", "unused"] = "train") -> Manifest:
    """Reads ``dataset_coco.json`` and finds its photos, anywhere below the root.

    They are those of COCO 2014, as a rule in ``train2014/`` and ``val2014/``.

    Args:
        root: the corpus folder.
        restval: what becomes of the 30,504 photos of COCO's validation part that are neither val
            nor test here: "train", as in nearly all publications, or "unused".

    Returns:
        Items with captions. There is no group: photos are not related.

    Raises:
        ValueError: No photos or no list, none of the photos listed, an entry that cannot be read,
            or a photo that is listed twice.
    """
    layout = "train2014/*.jpg, val2014/*.jpg and dataset_coco.json"
    media = flatten(open_media("coco", root, (), IMAGE, layout))
    path = media.root / _LIST
    if not path.is_file():
        raise ValueError(f"coco: expected {_LIST} in {media.root}, found none")
    listed = collect(read_photos(path, _SPLITS))
    rest = [name for name, entry in listed.items() if entry.split == "restval"]
    if restval == "train":
        entries = {**listed, **{name: listed[name]._replace(split="train") for name in rest}}
        published = {"train": _PUBLISHED_TRAIN + _PUBLISHED_RESTVAL}
    else:
        media = leave_out(media, rest)
        entries = {name: entry for name, entry in listed.items() if entry.split != "restval"}
        published = {"train": _PUBLISHED_TRAIN}
    return match_files("coco", media, entries, {**published, "val": 5000, "test": 5000}, "photo")
