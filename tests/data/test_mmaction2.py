from collections import Counter

import pytest

from rnnmm.data.mmaction2 import prepare
from rnnmm.manifest import Item, check_manifest

TRAIN, VAL, CLASSES = "train_list_videos.txt", "val_list_videos.txt", "label_map.txt"


def tree() -> dict[str, str]:
    files = {f"videos_train/a b/{n}.mp4": "" for n in range(10)}
    files |= {f"videos_train/x/{n} 3.mp4": "" for n in range(3)}
    train = [f"a b/{n}.mp4 0" for n in range(10)]
    val = [f"x/{n} 3.mp4 1" for n in range(3)]
    lists = {TRAIN: "\ufeff" + "\r\n".join(train), VAL: "\n".join(val)}
    return files | lists | {CLASSES: "eating\nriding a bike\n"}


def splits_of(manifest) -> Counter:
    return Counter(item.split for item in manifest.items)


def test_without_a_test_list_val_is_measured_on(make_tree) -> None:
    manifest = prepare(
        make_tree(tree()), train_list=TRAIN, val_list=VAL, class_list=CLASSES,
        data_prefix="videos_train", val_fraction=0.2,
    )  # fmt: skip
    check_manifest(manifest)
    assert splits_of(manifest) == {"train": 8, "val": 2, "test": 3}
    assert manifest.items[-1] == Item(
        "videos_train/x/2 3", "videos_train/x/2 3.mp4", "test", label="riding a bike"
    )


def test_three_lists_are_three_splits(make_tree) -> None:
    files = tree() | {"test.txt": "x/0 3.mp4 1\n", VAL: "x/1 3.mp4 1\n"}
    manifest = prepare(
        make_tree(files), train_list=TRAIN, val_list=VAL, test_list="test.txt",
        data_prefix="videos_train",
    )  # fmt: skip
    assert splits_of(manifest) == {"train": 10, "val": 1, "test": 1}
    assert {item.label for item in manifest.items} == {"0", "1"}
    assert "1 file in no list, not used: videos_train/x/2 3" in manifest.findings


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "a b/0 120 4",
            r"txt:1: expected 'some/path.mp4 4'.*got 'a b/0 120' and 4; lists of frame",
        ),
        (
            "a b/0.mp4 1 2",
            r"txt:1: .*got 'a b/0.mp4 1' and 2; lists .* of several classes per vid",
        ),
        ("a b/0.mp4", r"txt:1: expected 'some/path.mp4 4'.* and None"),
        ("a b/0.mp4 2", r"txt:1: expected a class below 2, as many as are named, got 2"),
        ("../0.mp4 1", r"txt:1: expected a path below the corpus folder, got '../0.mp4'"),
        ("/data/0.mp4 1", r"txt:1: expected a path below the corpus folder, got '/data/0.mp4'"),
        ("a b/0.mp4 1\na b/0.mp4 1", r"txt:2: videos_train/a b/0 is listed already at .*txt:1"),
    ],
)
def test_bad_lines_are_named(make_tree, line: str, message: str) -> None:
    root = make_tree(tree() | {TRAIN: line})
    with pytest.raises(ValueError, match=message):
        prepare(root, train_list=TRAIN, class_list=CLASSES, data_prefix="videos_train")


def test_a_list_must_be_named_and_there(make_tree) -> None:
    root = make_tree(tree())
    with pytest.raises(
        ValueError, match=r"mmaction2: expected dataset.train_list, val_list or tes"
    ):
        prepare(root)
    with pytest.raises(ValueError, match=r"mmaction2: expected a list at .*gone.txt, found none"):
        prepare(root, train_list="gone.txt")
    with pytest.raises(ValueError, match=r"mmaction2: expected a path below the corpus folder"):
        prepare(root, train_list="../train.txt")


def test_an_empty_folder_is_an_error(tmp_path) -> None:
    with pytest.raises(ValueError, match=r"mmaction2: found no media below"):
        prepare(str(tmp_path), train_list=TRAIN)
