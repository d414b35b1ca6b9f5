import json

import pytest

from rnnmm.data.flickr8k import prepare
from rnnmm.manifest import Item, check_manifest

PHOTOS = {f"Flicker8k_Dataset/{name}.jpg": "" for name in "abc"}
TEXTS = {
    "Flickr8k.token.txt": "a.jpg#0\tA dog .\r\na.jpg#1\tA hound #1 .\r\nb.jpg#0\tA cat\r\n"
    "c.jpg#0\tA child .\r\n",
    "Flickr_8k.trainImages.txt": "a.jpg\n",
    "Flickr_8k.devImages.txt": "b.jpg\n",
    "Flickr_8k.testImages.txt": "c.jpg\n",
}
EXPECTED = (
    Item("a", "Flicker8k_Dataset/a.jpg", "train", captions=("A dog .", "A hound #1 .")),
    Item("b", "Flicker8k_Dataset/b.jpg", "val", captions=("A cat",)),
    Item("c", "Flicker8k_Dataset/c.jpg", "test", captions=("A child .",)),
)


def karpathy() -> str:
    images = [
        {
            "filename": f"{item.id}.jpg", "split": item.split,
            "sentences": [{"raw": caption} for caption in item.captions],
        }
        for item in EXPECTED
    ]  # fmt: skip
    return json.dumps({"images": images, "dataset": "flickr8k"})


@pytest.mark.parametrize("folder", ["", "Flickr8k_text/"])
def test_the_release(make_tree, folder: str) -> None:
    manifest = prepare(make_tree(PHOTOS | {folder + name: text for name, text in TEXTS.items()}))
    check_manifest(manifest)
    assert manifest.items == EXPECTED
    assert manifest.findings == (
        "train photos: 1 found, 6000 in the published release",
        "val photos: 1 found, 1000 in the published release",
        "test photos: 1 found, 1000 in the published release",
        "split: 1 train, 1 val, 1 test",
    )


def test_karpathys_list_goes_before_the_others(make_tree) -> None:
    lists = {"dataset_flickr8k.json": karpathy(), "Flickr8k.token.txt": "not read"}
    assert prepare(make_tree(PHOTOS | lists)).items == EXPECTED


def test_a_photo_in_two_lists_is_refused(make_tree) -> None:
    lists = TEXTS | {"Flickr_8k.testImages.txt": "c.jpg\na.jpg\n"}
    with pytest.raises(ValueError, match=r"testImages.txt:2: a is listed already at .*train"):
        prepare(make_tree(PHOTOS | lists))


@pytest.mark.parametrize("name", ["../a.jpg", "/data/a.jpg"])
def test_a_path_out_of_the_corpus_is_refused(make_tree, name: str) -> None:
    with pytest.raises(
        ValueError, match=r"devImages.txt:1: expected a path below the corpus fold"
    ):
        prepare(make_tree(PHOTOS | TEXTS | {"Flickr_8k.devImages.txt": name}))
    with pytest.raises(ValueError, match=r"captions.txt:2: expected a path below the corpus fold"):
        prepare(make_tree(PHOTOS | TEXTS | {"captions.txt": f"image,caption\n{name},A dog\n"}))


def test_an_unknown_split_is_named(make_tree) -> None:
    lists = {"dataset_flickr8k.json": karpathy().replace('"val"', '"restval"')}
    with pytest.raises(
        ValueError, match=r"entry 2: expected split train, val, test, got 'restval'"
    ):
        prepare(make_tree(PHOTOS | lists))


def test_no_captions_file_is_an_error(make_tree) -> None:
    with pytest.raises(ValueError, match=r"flickr8k: expected captions.txt or Flickr8k.token.txt"):
        prepare(make_tree(PHOTOS))


def test_an_empty_folder_is_an_error(tmp_path) -> None:
    with pytest.raises(ValueError, match=r"flickr8k: found no media below .*images"):
        prepare(str(tmp_path))
