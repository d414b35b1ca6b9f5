from collections import Counter

import pytest

from rnnmm.data.grid_s1 import prepare
from rnnmm.manifest import Item, Segment, check_manifest

ALIGNMENT = "0 23750 sil\n23750 29500 bin\n29500 34000 blue\n34000 35000 sp\n35000 74500 sil\n"
IDS = [f"bbaf{n:02d}" for n in range(25)]


def tree(extension: str = ".mp4", folder: str = "video/") -> dict[str, str]:
    return (
        {f"{folder}{id}{extension}": "" for id in IDS}
        | {f"align/{id}.align": ALIGNMENT for id in IDS}
        | {"train.txt": "\n".join(IDS[:20]), "test.txt": "\n".join(IDS[20:])}
    )


def splits_of(manifest) -> Counter:
    return Counter(item.split for item in manifest.items)


def test_the_lists_give_the_split_and_val_comes_out_of_train(make_tree) -> None:
    manifest = prepare(make_tree(tree()))
    check_manifest(manifest)
    assert splits_of(manifest) == {"train": 18, "val": 2, "test": 5}
    assert {i.id for i in manifest.items if i.split == "test"} == set(IDS[20:])
    assert manifest.findings == (
        "clips: 25 found, 1000 in the published release",
        "split: 18 train, 2 val, 5 test",
    )


def test_an_item_has_the_words_without_the_silences(make_tree) -> None:
    assert prepare(make_tree(tree())).items[20] == Item(
        "bbaf20", "video/bbaf20.mp4", "test", text="bin blue", speaker="s1",
        segments=(Segment(0.95, 1.18, "bin"), Segment(1.18, 1.36, "blue")),
    )  # fmt: skip


def test_val_is_stable_and_changes_with_the_seed(make_tree) -> None:
    def val(**options):
        return {i.id for i in prepare(root, **options).items if i.split == "val"}

    root = make_tree(tree())
    assert val() < val(val_fraction=0.3)
    assert val(val_fraction=0.3) != val(val_fraction=0.3, split_seed=1)


@pytest.mark.parametrize(
    ("extension", "folder"), [(".mpg", "video/"), (".avi", ""), (".wav", "audio/")]
)
def test_other_extensions_and_folders_do_too(make_tree, extension: str, folder: str) -> None:
    manifest = prepare(make_tree(tree(extension, folder)))
    assert splits_of(manifest) == {"train": 18, "val": 2, "test": 5}
    assert manifest.items[0].path == f"{folder}bbaf00{extension}"


def test_without_lists_every_clip_is_test(make_tree) -> None:
    files = {path: text for path, text in tree().items() if not path.endswith(".txt")}
    manifest = prepare(make_tree(files))
    assert splits_of(manifest) == {"test": 25}
    assert "no split lists: every item counts as test (25)" in manifest.findings


def test_a_clip_without_alignment_is_told_and_not_used(make_tree) -> None:
    files = tree()
    del files["align/bbaf03.align"]
    manifest = prepare(make_tree(files))
    assert len(manifest.items) == 24
    assert "1 clip without an alignment, not used: bbaf03" in manifest.findings


def test_no_alignments_at_all_is_an_error(make_tree) -> None:
    files = {path: text for path, text in tree().items() if not path.endswith(".align")}
    with pytest.raises(ValueError, match=r"grid_s1: nothing left .*25 clips without an alignment"):
        prepare(make_tree(files))


def test_a_line_that_is_no_alignment_is_named(make_tree) -> None:
    files = tree() | {"align/bbaf03.align": "0 100 sil\n100 bin\n"}
    with pytest.raises(ValueError, match=r"bbaf03.align:2: expected 'start end word', got '100 b"):
        prepare(make_tree(files))
    files = tree() | {"align/bbaf03.align": "0 x sil\n"}
    with pytest.raises(ValueError, match=r"bbaf03.align:1: expected 'start end word', got '0 x "):
        prepare(make_tree(files))


def test_an_empty_folder_is_an_error(tmp_path) -> None:
    with pytest.raises(ValueError, match=r"grid_s1: found no media below .*; expected video/ID"):
        prepare(str(tmp_path))


@pytest.mark.corpus
def test_the_real_part(corpus) -> None:
    manifest = prepare(corpus("grid_s1"))
    check_manifest(manifest)
    assert splits_of(manifest) == {"train": 315, "val": 35, "test": 50}
    assert all(len(item.text.split()) == 6 for item in manifest.items)
    assert manifest.findings == (
        "clips: 400 found, 1000 in the published release",
        "split: 315 train, 35 val, 50 test",
    )
