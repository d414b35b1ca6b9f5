import json
from collections import Counter

import pytest

from rnnmm.data.coco import prepare
from rnnmm.manifest import Item, check_manifest

PARTS = {"train": "train2014", "restval": "val2014", "val": "val2014", "test": "val2014"}


def name(folder: str, number: int) -> str:
    return f"COCO_{folder}_{number:012d}.jpg"


def image(number: int, split: str) -> dict[str, object]:
    folder = PARTS[split]
    return {
        "filepath": folder, "sentids": [number], "filename": name(folder, number),
        "imgid": number, "split": split, "cocoid": number,
        "sentences": [{"tokens": ["a", "man"], "raw": f"A man, {number}.", "sentid": number}],
    }  # fmt: skip


IMAGES = [image(number, split) for number, split in enumerate(PARTS)]
LIST = {"dataset_coco.json": json.dumps({"images": IMAGES, "dataset": "coco"})}
PHOTOS = {f"{PARTS[split]}/{name(PARTS[split], n)}": "" for n, split in enumerate(PARTS)}


def splits_of(manifest) -> Counter:
    return Counter(item.split for item in manifest.items)


def test_restval_is_train_as_a_rule(make_tree) -> None:
    manifest = prepare(make_tree(PHOTOS | LIST))
    check_manifest(manifest)
    assert splits_of(manifest) == {"train": 2, "val": 1, "test": 1}
    id = name("val2014", 1)[:-4]
    assert manifest.items[1] == Item(id, f"val2014/{id}.jpg", "train", captions=("A man, 1.",))
    assert manifest.findings == (
        "train photos: 2 found, 113287 in the published release",
        "val photos: 1 found, 5000 in the published release",
        "test photos: 1 found, 5000 in the published release",
        "split: 2 train, 1 val, 1 test",
    )


def test_restval_may_be_left_out(make_tree) -> None:
    manifest = prepare(make_tree(PHOTOS | LIST), restval="unused")
    assert splits_of(manifest) == {"train": 1, "val": 1, "test": 1}
    assert manifest.findings[0] == "train photos: 1 found, 82783 in the published release"
    assert len(manifest.findings) == 4


def test_photos_may_lie_in_one_folder(make_tree) -> None:
    flat = {f"images/{path.rpartition('/')[2]}": "" for path in PHOTOS}
    assert len(prepare(make_tree(flat | LIST)).items) == 4


def test_a_photo_listed_twice_is_refused(make_tree) -> None:
    twice = {"dataset_coco.json": json.dumps({"images": [*IMAGES, image(0, "train")]})}
    with pytest.raises(
        ValueError, match=r"entry 5: COCO_train2014_0+ is listed already at .*y 1;"
    ):
        prepare(make_tree(PHOTOS | twice))


def test_no_list_is_an_error(make_tree) -> None:
    with pytest.raises(ValueError, match=r"coco: expected dataset_coco.json in .*, found none"):
        prepare(make_tree(PHOTOS))


def test_an_empty_folder_is_an_error(tmp_path) -> None:
    with pytest.raises(ValueError, match=r"coco: found no media below .*train2014"):
        prepare(str(tmp_path))
