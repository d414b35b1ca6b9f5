import shutil
from collections import Counter
from pathlib import Path

import pytest

from rnnmm.data.folder import prepare
from rnnmm.manifest import Item, check_manifest

CLASSES = {f"{label}/{n:02d}.wav": "" for label in ("cat", "dog") for n in range(20)}


def splits_of(manifest) -> Counter:
    return Counter(item.split for item in manifest.items)


def test_a_plain_tree_is_all_test_and_says_so(make_tree) -> None:
    manifest = prepare(make_tree(CLASSES))
    check_manifest(manifest)
    assert manifest.items[0] == Item("cat/00", "cat/00.wav", "test", speaker="cat", label="cat")
    assert splits_of(manifest) == {"test": 40}
    assert manifest.findings == (
        "no split lists: every item counts as test (40; dataset.split=seeded draws splits)",
        "split: 0 train, 0 val, 40 test",
    )


def test_one_override_makes_a_plain_tree_fit_for_training(make_tree) -> None:
    root = make_tree(CLASSES)
    manifest = prepare(root, split="seeded")
    sizes = Counter((item.label, item.split) for item in manifest.items)
    assert sizes == {
        (label, split): size
        for label in ("cat", "dog")
        for split, size in {"train": 16, "val": 2, "test": 2}.items()
    }
    assert manifest.findings[0] == "splits drawn, within each class (seed 0)"
    assert manifest == prepare(root, split="seeded")
    assert manifest.items != prepare(root, split="seeded", split_seed=1).items
    larger = prepare(root, split="seeded", val_fraction=0.0, test_fraction=0.5)
    assert splits_of(larger) == {"train": 20, "test": 20}


def test_top_folders_named_after_splits_are_the_splits(make_tree) -> None:
    manifest = prepare(make_tree({
        "train/cat/a.mp4": "", "Valid/cat/a.mp4": "", "test/dog/deep/a.mp4": "", "test/b.mp4": "",
        "LICENSE": "", "docs/readme.md": "",
    }))  # fmt: skip
    check_manifest(manifest)
    assert {i.id: (i.split, i.label) for i in manifest.items} == {
        "train/cat/a": ("train", "cat"),
        "Valid/cat/a": ("val", "cat"),
        "test/dog/deep/a": ("test", "dog"),
        "test/b": ("test", None),
    }
    assert manifest.findings == (
        "split: 1 train, 1 val, 2 test",
        "1 file outside any class folder, without label: test/b.mp4",
    )


def test_a_missing_val_can_be_drawn_out_of_train(make_tree) -> None:
    root = make_tree({f"train/{path}": "" for path in CLASSES} | {"test/cat/x.wav": ""})
    assert splits_of(prepare(root)) == {"train": 40, "test": 1}
    manifest = prepare(root, split="seeded")
    assert splits_of(manifest) == {"train": 36, "val": 4, "test": 1}
    assert manifest.findings[0] == "val drawn out of train, within each class (seed 0)"


def test_another_encoding_is_drawn_alike(make_tree) -> None:
    mp3 = {path.replace(".wav", ".mp3"): "" for path in CLASSES}
    root = Path(make_tree(CLASSES))
    one = prepare(str(root), "seeded")
    shutil.rmtree(root)
    other = prepare(make_tree(mp3), "seeded")
    assert [(i.id, i.split) for i in one.items] == [(i.id, i.split) for i in other.items]


def test_given_splits_are_never_redrawn(make_tree) -> None:
    files = {f"{split}/{path}": "" for split in ("train", "val") for path in CLASSES}
    assert splits_of(prepare(make_tree(files), split="seeded")) == {"train": 40, "val": 40}


def test_a_test_folder_alone_stays_test(make_tree) -> None:
    files = {f"test/{path}": "" for path in CLASSES}
    assert splits_of(prepare(make_tree(files), split="seeded")) == {"test": 40}


def test_a_class_that_is_called_train_among_others_is_told(make_tree) -> None:
    manifest = prepare(make_tree({"train/a.wav": "", "plane/a.wav": ""}))
    assert [item.label for item in manifest.items] == ["plane", "train"]
    assert manifest.findings[0] == (
        "the folders train are taken as classes, not as splits, because beside them there are "
        "plane"
    )


def test_files_in_the_root_have_no_label(make_tree) -> None:
    manifest = prepare(make_tree({"a.mp3": "", "cat/b.wav": ""}))
    assert [(i.label, i.speaker) for i in manifest.items] == [(None, None), ("cat", "cat")]
    assert manifest.findings[-1] == "1 file outside any class folder, without label: a.mp3"


def test_documents_are_skipped_and_unknown_extensions_stay(make_tree) -> None:
    manifest = prepare(make_tree({
        "cat/a.wav": "", "cat/b.xyz": "", "cat/noextension": "", "cat/notes.TXT": "",
        "cat/LICENSE": "", "list.csv": "", ".hidden/x.wav": "",
    }))  # fmt: skip
    assert [i.path for i in manifest.items] == ["cat/a.wav", "cat/b.xyz", "cat/noextension"]
    assert manifest.skipped == (
        ("cat/LICENSE", "a document"),
        ("cat/notes.TXT", "a document"),
        ("list.csv", "a document"),
    )


def test_links_out_of_the_root_are_skipped(make_tree, tmp_path: Path) -> None:
    root = Path(make_tree({"cat/a.wav": ""}))
    (tmp_path / "secret").write_text("")
    (root / "cat" / "b.wav").symlink_to(tmp_path / "secret")
    manifest = prepare(str(root))
    check_manifest(manifest)
    assert manifest.skipped == (("cat/b.wav", "a link out of the root"),)


def test_ids_leave_the_extension_out_only_where_that_is_unique(make_tree) -> None:
    files = ("a.mp3", "a.wav", "b.wav", "c.wav", "c.wav.flac")
    manifest = prepare(make_tree(dict.fromkeys(files, "")))
    check_manifest(manifest)
    assert [i.id for i in manifest.items] == ["a.mp3", "a.wav", "b", "c", "c.wav.flac"]


def test_nothing_but_documents_is_an_error(make_tree) -> None:
    with pytest.raises(ValueError, match=r"folder: found no media below .*\(1 file skipped\)"):
        prepare(make_tree({"README.md": ""}))


def test_a_missing_root_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"folder: expected a folder at .*; set dataset.root"):
        prepare(str(tmp_path / "absent"))


def test_fractions_are_checked(make_tree) -> None:
    with pytest.raises(ValueError, match=r"below 1, got dataset.val_fraction=0.5, dataset.test_f"):
        prepare(make_tree(CLASSES), val_fraction=0.5, test_fraction=0.5)


@pytest.mark.corpus
def test_the_real_oddities(corpus) -> None:
    manifest = prepare(corpus("media_oddities"))
    check_manifest(manifest)
    assert splits_of(manifest) == {"test": 227}
    assert len(manifest.items) + len(manifest.skipped) == 284
    assert {reason for _, reason in manifest.skipped} == {"a document"}


@pytest.mark.corpus
def test_the_real_gestures_as_a_folder(corpus) -> None:
    manifest = prepare(corpus("gesture17"), split="seeded")
    assert len({item.label for item in manifest.items}) == 17
    assert splits_of(manifest) == {"train": 622, "val": 79, "test": 79}
