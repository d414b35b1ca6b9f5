import itertools
from dataclasses import replace
from pathlib import Path

import pytest
from fake_decoders import FakeDecoding

from rnnmm.manifest import Item, Manifest, check_manifest
from rnnmm.store.leak import check_media
from rnnmm.store.preprocess import preprocess
from rnnmm.store.source import Source, read_sources


def check(root: Path, contents: dict[str, str], *items: Item) -> None:
    """Passes, or raises what `check_media` raises."""
    for path, content in contents.items():
        (root / path).write_text(content)
    manifest = Manifest("demo", root, items)
    check_media(manifest, read_sources(root, list(contents)))


def piece(id: str, split: str, start_s: float, end_s: float | None, group: str | None) -> Item:
    return Item(id, "talk.wav", split, start_s, end_s, group=group)


def test_other_media_may_be_anywhere_and_equal_ones_may_not(tmp_path: Path) -> None:
    items = (Item("1", "a", "train"), Item("2", "b", "val"), Item("3", "c", "test"))
    check(tmp_path, {"a": "one", "b": "two", "c": "three"}, *items)
    with pytest.raises(ValueError, match=r"train 1 \(a\) = test 3 \(c\)"):
        check(tmp_path, {"a": "one", "b": "two", "c": "one"}, *items)


def test_copies_under_other_names_are_named_with_their_splits(tmp_path: Path) -> None:
    items = (
        Item("1", "a", "train"), Item("2", "b", "test"), Item("3", "c", "val"),
        Item("4", "d", "test"),
    )  # fmt: skip
    with pytest.raises(ValueError) as error:
        check(tmp_path, {"a": "x", "b": "x", "c": "y", "d": "y"}, *items)
    assert str(error.value) == (
        f"demo ({tmp_path}): expected no media in two splits, got 2 files there (a leak): "
        "train 1 (a) = test 2 (b), val 3 (c) = test 4 (d); put them into one split or delete the "
        "copy in train, or give pieces of one file their groups"
    )


def test_copies_within_a_split_do_no_harm(tmp_path: Path) -> None:
    items = (Item("1", "a", "train"), Item("2", "b", "train"), Item("3", "a", "train"))
    check(tmp_path, {"a": "x", "b": "x"}, *items)
    with pytest.raises(ValueError, match=r"train 1 \(a\) = test 4 \(b\)"):
        check(tmp_path, {"a": "x", "b": "x"}, items[0], Item("4", "b", "test"))


def test_empty_and_unreadable_files_equal_nothing(tmp_path: Path) -> None:
    items = (Item("1", "a", "train"), Item("2", "b", "test"))
    check(tmp_path, {"a": "", "b": ""}, *items)
    gone = Source(0, 0, 0, "unreadable")
    check_media(Manifest("demo", tmp_path, items), {"a": gone, "b": gone})
    with pytest.raises(ValueError, match="a leak"):  # of one byte each, they are the same
        check(tmp_path, {"a": " ", "b": " "}, *items)


def test_pieces_of_one_file_go_to_one_split(tmp_path: Path) -> None:
    content = {"talk.wav": "x"}
    one, two = piece("1", "train", 0.0, 5.0, None), piece("2", "test", 5.0, 9.0, None)
    with pytest.raises(ValueError, match=r"got 1 file there .*train 1 \(talk.wav\) = test 2"):
        check(tmp_path, content, one, two)
    with pytest.raises(ValueError, match="a leak"):  # only one of them says where it belongs
        check(tmp_path, content, one, piece("2", "test", 5.0, 9.0, "ben"))
    check(tmp_path, content, one, piece("2", "train", 5.0, 9.0, None))


def test_groups_say_that_pieces_of_one_file_do_not_belong_together(tmp_path: Path) -> None:
    ann, ben = piece("1", "train", 0.0, 5.0, "ann"), piece("2", "test", 5.0, None, "ben")
    check(tmp_path, {"talk.wav": "x"}, ben, ann)
    with pytest.raises(ValueError, match="a leak"):
        check(tmp_path, {"talk.wav": "x"}, replace(ben, group=None), replace(ann, group=None))


@pytest.mark.parametrize("start_s", [None, 0.0, 4.9])
def test_no_group_makes_the_same_seconds_two(tmp_path: Path, start_s: float | None) -> None:
    ann, ben = piece("1", "train", 0.0, 5.0, "ann"), piece("2", "test", start_s, None, "ben")
    with pytest.raises(ValueError, match=r"train 1 \(talk.wav\) = test 2 \(talk.wav\)"):
        check(tmp_path, {"talk.wav": "x"}, ann, ben)


def test_a_long_piece_is_not_forgotten_behind_short_ones(tmp_path: Path) -> None:
    pieces = [
        piece("long", "train", 0.0, 10.0, "a"), piece("short", "train", 1.0, 2.0, "a"),
        piece("other", "test", 9.0, 11.0, "b"),
    ]  # fmt: skip
    for order in itertools.permutations(pieces):
        with pytest.raises(ValueError, match=r"train long .* = test other"):
            check(tmp_path, {"talk.wav": "x"}, *order)


def test_every_placing_of_pieces_is_judged_as_by_comparing_all_pairs(tmp_path: Path) -> None:
    spans = [(0.0, 2.0), (1.0, 3.0), (2.0, 4.0)]
    choices = [(span, split) for span in spans for split in ("train", "val")]
    for placing in itertools.product(choices, repeat=3):
        items = [
            piece(str(n), split, *span, group=f"{split} group")
            for n, (span, split) in enumerate(placing)
        ]
        leaks = any(
            one.split != other.split and one.start_s < other.end_s and other.start_s < one.end_s
            for one, other in itertools.combinations(items, 2)
        )
        manifest = Manifest("demo", tmp_path, tuple(items))
        sources = {"talk.wav": Source(1, 0, 0, "same")}
        if leaks:
            with pytest.raises(ValueError, match="a leak"):
                check_media(manifest, sources)
        else:
            check_media(manifest, sources)


def test_preprocess_refuses_before_it_decodes(tmp_path: Path) -> None:
    media = tmp_path / "media"
    media.mkdir()
    for path in ("a.wav", "b.wav"):
        (media / path).write_text("abort 1")  # a decoder would not survive it
    items = (Item("1", "a.wav", "train"), Item("2", "b.wav", "test"))
    manifest = Manifest("demo", media, items)
    check_manifest(manifest)
    with pytest.raises(ValueError, match=r"demo .*train 1 \(a.wav\) = test 2 \(b.wav\)"):
        preprocess(manifest, FakeDecoding(), tmp_path / "stores")
    assert not list((tmp_path / "stores").glob("demo-*"))
