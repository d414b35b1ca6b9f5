from collections import Counter

import pytest

from rnnmm.data.gesture17 import prepare
from rnnmm.manifest import Item, check_manifest

CLASSES = ("01_Swiping", "15_CW_Rotation")
NUMBERS = (2, 9, 10, 11, 95, 100, 101, 102, 103, 104, 1000, 1001)


def clips(extension: str = ".mp4") -> list[str]:
    return [f"{c}/sk_color_{n}{extension}" for c in CLASSES for n in NUMBERS]


def tree(extension: str = ".mp4", listed: str = ".mp4") -> dict[str, str]:
    train = [f"{c}/sk_color_{n}{listed}" for c in CLASSES for n in NUMBERS[:10]]
    test = [f"{c}/sk_color_{n}{listed}" for c in CLASSES for n in NUMBERS[10:]]
    lists = {"train.txt": "\n".join(train), "test.txt": "\n".join(test), "LICENSE": "MIT"}
    return dict.fromkeys(clips(extension), "") | lists


def splits_of(manifest) -> Counter:
    return Counter(item.split for item in manifest.items)


def test_val_is_the_last_block_of_each_class_in_recording_order(make_tree) -> None:
    manifest = prepare(make_tree(tree()), val_fraction=0.2)
    check_manifest(manifest)
    for label in CLASSES:
        order = [int(i.id.split("_")[-1]) for i in manifest.items if i.label == label]
        splits = [i.split for i in manifest.items if i.label == label]
        assert order == sorted(NUMBERS)
        assert splits == ["train"] * 8 + ["val"] * 2 + ["test"] * 2


def test_an_item_has_the_whole_folder_name_as_label(make_tree) -> None:
    item = prepare(make_tree(tree())).items[0]
    assert item == Item(
        "01_Swiping/sk_color_2", "01_Swiping/sk_color_2.mp4", "train", label="01_Swiping"
    )


def test_lists_of_mp4_fit_a_corpus_of_avi(make_tree) -> None:
    manifest = prepare(make_tree(tree(".AVI")))
    assert splits_of(manifest) == {"train": 18, "val": 2, "test": 4}
    assert all(item.path.endswith(".AVI") for item in manifest.items)


def test_without_lists_every_clip_is_test(make_tree) -> None:
    manifest = prepare(make_tree(dict.fromkeys(clips(".avi"), "")))
    assert splits_of(manifest) == {"test": 24}
    assert manifest.findings == (
        "classes: 2 found, 17 in the published release",
        "no split lists: every item counts as test (24)",
        "split: 0 train, 0 val, 24 test",
    )


def test_a_list_of_val_is_used(make_tree) -> None:
    files = tree()
    files["val.txt"] = files.pop("test.txt")
    assert splits_of(prepare(make_tree(files))) == {"train": 20, "val": 4}


def test_no_val(make_tree) -> None:
    assert splits_of(prepare(make_tree(tree()), val_fraction=0)) == {"train": 20, "test": 4}
    with pytest.raises(ValueError, match=r"below 1, got dataset.val_fraction=1$"):
        prepare(make_tree(tree()), val_fraction=1)


def test_absent_unlisted_and_misplaced_clips_are_told(make_tree) -> None:
    files = tree() | {"01_Swiping/sk_color_7.mp4": "", "stray.mp4": ""}
    del files["01_Swiping/sk_color_9.mp4"]
    manifest = prepare(make_tree(files))
    assert manifest.findings[1:4] == (
        "1 file listed but absent: 01_Swiping/sk_color_9",
        "1 file in no list, not used: 01_Swiping/sk_color_7",
        "1 clip outside the class folders, not used: stray.mp4",
    )
    assert splits_of(manifest) == {"train": 17, "val": 2, "test": 4}


def test_a_clip_in_both_lists_is_a_leak(make_tree) -> None:
    files = tree()
    files["test.txt"] += "\n01_Swiping/sk_color_9.mp4"
    with pytest.raises(ValueError, match=r"test.txt:5: 01_Swiping/sk_color_9 is listed already"):
        prepare(make_tree(files))


def test_a_recording_held_twice_is_in_one_split(make_tree) -> None:
    clips = {n: f"16_CCW_Rotation/sk_color_{n}.mp4" for n in (944, 946, 947, 973, 990)}
    lists = {
        "train.txt": "\n".join(clips[n] for n in (944, 946, 947, 973)), "test.txt": clips[990],
    }  # fmt: skip
    manifest = prepare(make_tree(dict.fromkeys(clips.values(), "") | lists), val_fraction=0)
    numbers = [int(item.id[-3:]) for item in manifest.items]
    assert numbers == [944, 946, 973, 990], "944 and 973 are copies too, of one split"
    assert "1 clip not used, copies of clips of another split: 16_CCW_Rotation/sk_color_947" in (
        manifest.findings
    )


def test_lists_of_other_files_are_an_error(make_tree) -> None:
    files = {path: text for path, text in tree().items() if path.endswith(".txt")}
    with pytest.raises(
        ValueError, match=r"nothing left .*24 files listed but absent.*remove lists"
    ):
        prepare(make_tree(files | {"01_Swiping/sk_color_7.mp4": ""}))


def test_an_empty_folder_is_an_error(tmp_path) -> None:
    with pytest.raises(ValueError, match=r"gesture17: found no media below .*NN_Class"):
        prepare(str(tmp_path))


@pytest.mark.corpus
def test_the_real_part(corpus) -> None:
    manifest = prepare(corpus("gesture17"))
    check_manifest(manifest)
    assert splits_of(manifest) == {"train": 555, "val": 61, "test": 160}
    assert len({item.label for item in manifest.items}) == 17
    assert manifest.findings == (
        "4 clips not used, copies of clips of another split: 16_CCW_Rotation/sk_color_947, "
        "16_CCW_Rotation/sk_color_949, 16_CCW_Rotation/sk_color_956, 16_CCW_Rotation/sk_color_959",
        "split: 555 train, 61 val, 160 test",
    )
    val = [item.label for item in manifest.items if item.split == "val"]
    assert len(set(val)) == 17
