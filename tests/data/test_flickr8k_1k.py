from collections import Counter

import pytest

from rnnmm.data.flickr8k_1k import prepare
from rnnmm.manifest import Item, check_manifest

CAPTIONS = (
    "image,caption\n"
    "a.jpg,A dog runs .\n"
    'a.jpg,"A dog, a brown one, runs ."\n'
    "b.jpg,A cat sits .\n"
    "c.jpg,A child plays .\n"
)
PART = {
    "images/a.jpg": "", "images/b.jpg": "", "images/c.jpg": "",
    "captions.txt": CAPTIONS,
    "train.txt": "a.jpg\n", "val.txt": "b.jpg\n", "test.txt": "c.jpg\n",
}  # fmt: skip


def splits_of(manifest) -> Counter:
    return Counter(item.split for item in manifest.items)


def test_the_lists_give_the_split_and_all_captions_are_kept(make_tree) -> None:
    manifest = prepare(make_tree(PART))
    check_manifest(manifest)
    assert manifest.items[0] == Item(
        "a", "images/a.jpg", "train", captions=("A dog runs .", "A dog, a brown one, runs .")
    )
    assert splits_of(manifest) == {"train": 1, "val": 1, "test": 1}
    assert manifest.findings == (
        "train photos: 1 found, 6000 in the published release",
        "val photos: 1 found, 1000 in the published release",
        "test photos: 1 found, 1000 in the published release",
        "split: 1 train, 1 val, 1 test",
    )


@pytest.mark.parametrize("folder", ["", "Flickr8k_text/"])
def test_the_layout_of_the_release(make_tree, folder: str) -> None:
    manifest = prepare(make_tree({
        "Flicker8k_Dataset/a.jpg": "", "Flicker8k_Dataset/b.jpg": "",
        f"{folder}Flickr8k.token.txt": "a.jpg#0\tA dog .\na.jpg#1\tA hound #1 .\nb.jpg#0\tA cat\n",
        f"{folder}Flickr_8k.trainImages.txt": "a.jpg\n",
        f"{folder}Flickr_8k.devImages.txt": "b.jpg\n",
    }))  # fmt: skip
    assert [(i.id, i.split, i.captions) for i in manifest.items] == [
        ("a", "train", ("A dog .", "A hound #1 .")),
        ("b", "val", ("A cat",)),
    ]


def test_other_extensions_and_photos_in_the_root_do_too(make_tree) -> None:
    files = {path.replace("images/", "").replace(".jpg", ".PNG"): t for path, t in PART.items()}
    assert [i.path for i in prepare(make_tree(files)).items] == ["a.PNG", "b.PNG", "c.PNG"]


def test_without_lists_every_photo_is_test(make_tree) -> None:
    files = {path: t for path, t in PART.items() if path not in ("train.txt", "val.txt")}
    del files["test.txt"]
    manifest = prepare(make_tree(files))
    assert splits_of(manifest) == {"test": 3}
    assert "no split lists: every item counts as test (3)" in manifest.findings


def test_photos_without_caption_or_list_are_told(make_tree) -> None:
    files = PART | {"images/d.jpg": "", "images/e.jpg": "", "test.txt": "c.jpg\nd.jpg\nz.jpg\n"}
    files["captions.txt"] += "d.jpg, \n"
    manifest = prepare(make_tree(files))
    assert manifest.findings[3:6] == (
        "1 file listed but absent: z",
        "1 file in no list, not used: e",
        "1 photo without annotation, not used: d",
    )


@pytest.mark.parametrize(
    ("captions", "message"),
    [
        ("a.jpg,A dog .\n", r"captions.txt:1: expected a header with the columns image, caption"),
        (
            "image,caption\na.jpg,A dog, a cat .\n",
            r"captions.txt:2: expected 2 cells .*got 3; put a cell",
        ),
        (b"image,caption\na.jpg,caf\xe9\n", r"captions.txt:2: expected UTF-8"),
    ],
)
def test_bad_captions_are_named_with_their_line(make_tree, captions, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        prepare(make_tree(PART | {"captions.txt": captions}))


def test_a_bad_token_line_is_named(make_tree) -> None:
    files = {"a.jpg": "", "Flickr8k.token.txt": "a.jpg#0\tA dog .\na.jpg A cat .\n"}
    with pytest.raises(ValueError, match=r"token.txt:2: expected 'image.jpg#0<tab>caption', got"):
        prepare(make_tree(files))


def test_no_captions_file_is_an_error(make_tree) -> None:
    with pytest.raises(ValueError, match=r"expected captions.txt or Flickr8k.token.txt in .*nei"):
        prepare(make_tree({"images/a.jpg": ""}))


def test_an_empty_folder_is_an_error(tmp_path) -> None:
    with pytest.raises(ValueError, match=r"flickr8k_1k: found no media below .*images/\*.jpg"):
        prepare(str(tmp_path))


@pytest.mark.corpus
def test_the_real_part(corpus) -> None:
    manifest = prepare(corpus("flickr8k_1k"))
    check_manifest(manifest)
    assert splits_of(manifest) == {"train": 800, "val": 100, "test": 100}
    assert all(len(item.captions) == 5 for item in manifest.items)
    assert manifest.findings == (
        "train photos: 800 found, 6000 in the published release",
        "val photos: 100 found, 1000 in the published release",
        "test photos: 100 found, 1000 in the published release",
        "split: 800 train, 100 val, 100 test",
    )
