from collections import Counter, defaultdict

import pytest

from rnnmm.data.ucf101 import prepare
from rnnmm.manifest import Item, check_manifest

CLASSES = ("Archery", "HandstandPushups")
LISTS = "ucfTrainTestlist"


def clip(label: str, group: int, number: int) -> str:
    # One class of the release has another spelling in the names of its files.
    return f"{label}/v_{label.replace('stand', 'Stand')}_g{group:02d}_c{number:02d}.avi"


def tree(folder: str = "UCF-101/") -> dict[str, str]:
    """Two classes of 25 groups, two clips in each, and split 1: groups 1 to 7 are test."""
    clips = [(c, g, n) for c in CLASSES for g in range(1, 26) for n in (1, 2)]
    train = [f"{clip(c, g, n)} {CLASSES.index(c) + 1}" for c, g, n in clips if g > 7]
    test = [clip(c, g, n) for c, g, n in clips if g <= 7]
    return {
        **{f"{folder}{clip(*one)}": "" for one in clips},
        f"{LISTS}/classInd.txt": "1 Archery\r\n2 HandstandPushups\r\n",
        f"{LISTS}/trainlist01.txt": "\r\n".join(train) + "\r\n",
        f"{LISTS}/testlist01.txt": "\r\n".join(test) + "\r\n",
    }


def splits_of(manifest) -> Counter:
    return Counter(item.split for item in manifest.items)


def test_no_group_is_divided_and_every_class_is_in_val(make_tree) -> None:
    manifest = prepare(make_tree(tree()))
    check_manifest(manifest)
    assert splits_of(manifest) == {"train": 64, "val": 8, "test": 28}
    splits = defaultdict(set)
    for item in manifest.items:
        splits[item.group].add(item.split)
    assert len(splits) == 50 and all(len(found) == 1 for found in splits.values())
    assert {item.label for item in manifest.items if item.split == "val"} == set(CLASSES)
    assert manifest.findings == (
        "train+val clips: 72 found, 9537 in the published release",
        "test clips: 28 found, 3783 in the published release",
        "classes: 2 found, 101 in the published release",
        "split: 64 train, 8 val, 28 test",
    )


def test_an_item_has_class_and_group_by_its_folder(make_tree) -> None:
    items = {item.id: item for item in prepare(make_tree(tree())).items}
    id = "v_HandStandPushups_g03_c02"
    assert items[id] == Item(
        id, f"UCF-101/HandstandPushups/{id}.avi", "test", label="HandstandPushups",
        group="HandstandPushups_g03",
    )  # fmt: skip


def test_a_part_has_the_splits_of_the_whole(make_tree, tmp_path) -> None:
    whole = {item.id: item.split for item in prepare(make_tree(tree())).items}
    for path in (tmp_path / "corpus").glob("UCF-101/*/*_c02.avi"):
        path.unlink()
    part = prepare(str(tmp_path / "corpus"))
    assert len(part.items) == 50
    assert {item.id: item.split for item in part.items}.items() <= whole.items()
    assert any("50 files listed but absent" in finding for finding in part.findings)


def test_other_folds_read_other_lists(make_tree) -> None:
    files = tree()
    train, test = files.pop(f"{LISTS}/trainlist01.txt"), files.pop(f"{LISTS}/testlist01.txt")
    files |= {f"{LISTS}/trainlist03.txt": train, f"{LISTS}/testlist03.txt": test}
    manifest = prepare(make_tree(files), fold=3, val_fraction=0)
    assert splits_of(manifest) == {"train": 72, "test": 28}
    assert manifest.findings[0] == "train+val clips: 72 found, 9624 in the published release"


def test_flat_clips_and_lists_in_the_root_are_the_same_corpus(make_tree) -> None:
    flat = {path.rpartition("/")[2]: text for path, text in tree().items()}
    manifest = prepare(make_tree(flat))
    check_manifest(manifest)
    assert splits_of(manifest) == {"train": 64, "val": 8, "test": 28}


def test_without_lists_every_clip_is_test(make_tree) -> None:
    files = {path: "" for path in tree() if path.endswith(".avi")}
    manifest = prepare(make_tree({**files, "UCF-101/Archery/other.avi": ""}))
    assert splits_of(manifest) == {"test": 100}
    assert {item.label for item in manifest.items} == set(CLASSES)
    assert "no split lists: every item counts as test (100)" in manifest.findings
    assert "1 file in no list, not used: other" in manifest.findings


def test_a_random_split_is_refused_for_its_groups(make_tree) -> None:
    files = tree()
    line = clip("Archery", 9, 1)
    train = files[f"{LISTS}/trainlist01.txt"].replace(f"{line} 1\r\n", "")
    files[f"{LISTS}/trainlist01.txt"] = train
    files[f"{LISTS}/testlist01.txt"] += line + "\r\n"
    with pytest.raises(ValueError, match=r"a leak\): Archery_g09 in (test\+(train|val))"):
        check_manifest(prepare(make_tree(files)))


@pytest.mark.parametrize(
    ("name", "line", "message"),
    [
        (
            "testlist01.txt",
            clip("Archery", 9, 1),
            r"testlist01.txt:29: .* listed already at .*trai",
        ),
        ("testlist01.txt", "Archery/one.avi", r"testlist01.txt:29: expected CLASS/v_CLASS_gGG_cC"),
        (
            "testlist01.txt",
            "/home/v_Archery_g01_c01.avi",
            r"testlist01.txt:29: expected a path be",
        ),
        (
            "trainlist01.txt",
            clip("Archery", 1, 1) + " 2",
            r"txt:73: expected HandstandPushups, wh",
        ),
        ("classInd.txt", "Archery", r"classInd.txt:3: expected '1 ApplyEyeMakeup', got 'Archery'"),
    ],
)
def test_bad_lines_are_named(make_tree, name: str, line: str, message: str) -> None:
    files = tree()
    files[f"{LISTS}/{name}"] += line
    with pytest.raises(ValueError, match=message):
        prepare(make_tree(files))


def test_an_empty_folder_is_an_error(tmp_path) -> None:
    with pytest.raises(ValueError, match=r"ucf101: found no media below .*CLASS/v_CLASS_gGG"):
        prepare(str(tmp_path))
