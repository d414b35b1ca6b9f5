import os
from pathlib import Path

import pytest

from rnnmm.data.listing import (
    AUDIO,
    IMAGE,
    VIDEO,
    find_media,
    list_files,
    open_media,
    open_root,
    pick_folder,
    read_listed_name,
    read_split_lists,
    strip_extension,
)

LISTS = {"train": ("train.txt", "other.txt"), "test": ("test.txt",)}


def test_files_come_sorted_and_hidden_ones_are_left_out(make_tree) -> None:
    root = make_tree({"b/2.wav": "", "b/10.wav": "", "a.wav": "", ".git/x": "", "b/._2.wav": ""})
    assert list_files(Path(root)).files == ["a.wav", "b/10.wav", "b/2.wav"]


def test_what_is_no_regular_file_below_the_root_is_skipped_with_its_reason(
    make_tree, tmp_path: Path
) -> None:
    root = Path(make_tree({"a.wav": "", "sub/b.wav": ""}))
    (tmp_path / "secret").write_text("")
    (root / "inside").symlink_to(root / "a.wav")
    (root / "outside").symlink_to(tmp_path / "secret")
    (root / "broken").symlink_to(root / "absent")
    (root / "loop").symlink_to(root / "loop")
    (root / "folder").symlink_to(root / "sub")
    os.mkfifo(root / "pipe")
    listing = list_files(root)
    assert listing.files == ["a.wav", "inside", "sub/b.wav"]
    assert listing.skipped == [
        ("broken", "a link to nothing"),
        ("folder", "a link to a folder"),
        ("loop", "a link to nothing"),
        ("outside", "a link out of the root"),
        ("pipe", "no regular file"),
    ]


def test_a_name_that_is_not_utf8_is_skipped(make_tree) -> None:
    root = make_tree({"a.wav": ""})
    (Path(root) / os.fsdecode(b"caf\xe9.wav")).write_text("")
    assert list_files(Path(root)).skipped == [("caf\\xe9.wav", "its name is not UTF-8")]


def test_media_are_keyed_by_stem_whatever_the_extension(make_tree) -> None:
    root = make_tree({"clips/x/a.MP4": "", "clips/b.avi": "", "clips/c.txt": "", "d.mp4": ""})
    media = find_media(Path(root), "clips", VIDEO)
    assert media.stems == {"b": "clips/b.avi", "x/a": "clips/x/a.MP4"}
    assert media.findings == ()


def test_one_stem_with_two_extensions_is_used_once_and_told(make_tree) -> None:
    media = find_media(Path(make_tree({"a.mp3": "", "a.wav": ""})), ".", AUDIO)
    assert media.stems == {"a": "a.wav"}
    assert media.findings == (
        "1 file not used, another extension of the same name was preferred: a.mp3",
    )


def test_skipped_links_are_told(make_tree, tmp_path: Path) -> None:
    root = Path(make_tree({"a.wav": ""}))
    (root / "b.wav").symlink_to(tmp_path)
    assert find_media(root, ".", AUDIO).findings == (
        "1 file skipped: b.wav (a link out of the root)",
    )


def test_pick_folder_falls_back_to_the_root(make_tree) -> None:
    root = Path(make_tree({"wav/a.wav": ""}))
    assert pick_folder(root, ("feat", "wav")) == "wav"
    assert pick_folder(root, ("feat",)) == "."


def test_a_missing_root_is_named_with_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"x: expected a folder at '.*none', got nothing; set "
                                         r"dataset.root=PATH"):  # fmt: skip
        open_root("x", str(tmp_path / "none"))


def test_a_file_or_an_empty_name_is_no_root(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="got a file"):
        open_root("x", str(tmp_path / "file"))
    with pytest.raises(ValueError, match="at '', got nothing"):
        open_root("x", "")


def test_an_empty_folder_is_named_with_the_layout_expected(tmp_path: Path) -> None:
    (tmp_path / "a.wav").symlink_to("/dev/zero")
    with pytest.raises(
        ValueError,
        match=r"x: found no media below .* \(1 file skipped: a.wav \(a link out of the root\)\); "
        r"expected L; set dataset.root=PATH",
    ):
        open_media("x", str(tmp_path), ("sub",), AUDIO, "L")


@pytest.mark.parametrize(
    ("listed", "stem"),
    [
        ("a/b.mp4", "a/b"),
        ("./a/b.AVI", "a/b"),
        ("a\\b.mp4", "a/b"),
        ("a/b.c", "a/b.c"),
        ("b", "b"),
    ],
)
def test_strip_extension(listed: str, stem: str) -> None:
    assert strip_extension(listed, VIDEO) == stem


def test_split_lists_give_the_split_of_each_name(make_tree) -> None:
    root = make_tree({"other.txt": "b.jpg\r\na.jpg\r\n", "test.txt": "\ufeffc.png\n\n"})
    splits = read_split_lists(Path(root), LISTS, IMAGE)
    assert splits == {"b": "train", "a": "train", "c": "test"}


def test_no_split_lists_give_nothing(tmp_path: Path) -> None:
    assert read_split_lists(tmp_path, LISTS, IMAGE) == {}


@pytest.mark.parametrize("name", ["/a.jpg", "../a.jpg", "b/../../a.jpg", "C:/a.jpg", "..\\a.jpg"])
def test_a_listed_path_out_of_the_corpus_is_refused(make_tree, name: str) -> None:
    root = make_tree({"train.txt": f"b.jpg\n{name}\n"})
    with pytest.raises(
        ValueError, match=r"train.txt:2: expected a path below the corpus folder, "
    ):
        read_split_lists(Path(root), LISTS, IMAGE)


def test_a_listed_path_is_as_files_are_keyed() -> None:
    assert read_listed_name("./a b//Übung.JPG", IMAGE, "list:1") == "a b/Übung"
    assert read_listed_name("b/../a.jpg", IMAGE, "list:1") == "a"
    assert read_listed_name("a.b", IMAGE, "list:1") == "a.b"


def test_a_name_in_two_lists_is_an_error_with_both_places(make_tree) -> None:
    root = make_tree({"train.txt": "a.jpg\nb.jpg\n", "test.txt": "b.png\n"})
    with pytest.raises(ValueError, match=r"test.txt:1: b is listed already at .*train.txt:2; "):
        read_split_lists(Path(root), LISTS, IMAGE)
