from dataclasses import replace
from pathlib import Path

import pytest

from rnnmm.manifest import (
    Item,
    Manifest,
    Segment,
    check_count,
    check_manifest,
    count_of,
    join_training,
    name_some,
)


def manifest(root: Path, *items: Item) -> Manifest:
    (root / "a.wav").write_bytes(b"")
    return Manifest("demo", root, items)


def test_one_file_may_be_many_items_but_of_one_id_each(tmp_path: Path) -> None:
    one, two = Item("1", "a.wav", "train"), Item("2", "a.wav", "test")
    check_manifest(manifest(tmp_path, one, two))
    with pytest.raises(ValueError, match=r"duplicate ids: 2 \(2 times\)"):
        check_manifest(manifest(tmp_path, one, two, two))


def test_one_name_is_one_name_however_it_is_written() -> None:
    names = [Item("1", "a.wav", "train", speaker=one, label=one, group=one)
             for one in ("Zo\u00eb", "Zoe\u0308")]  # fmt: skip
    assert names[0] == names[1] and names[1].speaker == "Zo\u00eb"
    assert Item("1", "Zoe\u0308.wav", "train").path == "Zoe\u0308.wav"  # as the disk has it


@pytest.mark.parametrize(
    ("number", "noun", "shown"),
    [(0, "file", "0 files"), (1, "file", "1 file"), (1, "entry", "1 entry"),
     (2, "entry", "2 entries")],
)  # fmt: skip
def test_counts_are_in_words(number: int, noun: str, shown: str) -> None:
    assert count_of(number, noun) == shown


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ((), "expected at least one item"),
        ((Item("1", "a.wav", "train"),) * 2, r"duplicate ids: 1 \(2 times\)"),
        ((Item("1", "a.wav", "dev"),), r"expected split train, val or test, got 1 \('dev'\)"),
        ((Item("1", "b.wav", "train"),), r"no such file: 1 \(b.wav\)"),
        ((Item("1", "../a.wav", "train"),), r"paths outside the root: 1 \('../a.wav'\)"),
        ((Item("1", "/etc/passwd", "train"),), "paths outside the root"),
        ((Item("1", "a\0.wav", "train"),), "paths outside the root"),
        (
            (Item("1", "a.wav", "train", group="ann"), Item("2", "a.wav", "test", group="ann")),
            r"a leak\): ann in test\+train",
        ),
    ],
)
def test_faults_are_named(tmp_path: Path, items: tuple[Item, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_manifest(manifest(tmp_path, *items))


@pytest.mark.parametrize(
    "segment",
    [(-0.1, 1.0, "sit"), (1.0, 1.0, "sit"), (0.0, float("inf"), "sit"), (float("nan"), 1.0, "sit"),
     (0.0, 1.0, " "), (0.0, 1.0, "sit; stand"), (0.0, 1.0, "sit\nstand"),
     (0.0, 1.0, "sit\n")],
)  # fmt: skip
def test_a_segment_that_is_none_is_named(tmp_path: Path, segment: tuple) -> None:
    good = Item("1", "a.wav", "train", segments=(Segment(0.0, 0.5, "sit down"),))
    nothing = Item("2", "a.wav", "train", segments=())
    check_manifest(manifest(tmp_path, good, nothing))
    bad = Item("3", "a.wav", "train", segments=(Segment(0.0, 0.5, "sit"), Segment(*segment)))
    with pytest.raises(ValueError, match=r"segments with 0 <= start < end.*got 3 \("):
        check_manifest(manifest(tmp_path, good, bad))


def test_all_kinds_of_faults_come_in_one_message(tmp_path: Path) -> None:
    items = (Item("1", "b.wav", "dev"), Item("1", "a.wav", "train"))
    with pytest.raises(ValueError, match=r"duplicate ids.*expected split.*no such file"):
        check_manifest(manifest(tmp_path, *items))


def test_a_link_out_of_the_root_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "secret").write_text("x")
    (tmp_path / "in" / "link.wav").symlink_to(tmp_path / "secret")
    with pytest.raises(ValueError, match="paths outside the root"):
        check_manifest(manifest(tmp_path / "in", Item("1", "link.wav", "train")))


def test_many_culprits_are_counted() -> None:
    assert name_some("abcdefg") == "a, b, c, d, e and 2 more"
    assert name_some("ab") == "a, b"


def test_a_difference_in_counts_is_a_finding() -> None:
    assert check_count("clips", 3, 3) == ()
    assert check_count("clips", 2, 3) == ("clips: 2 found, 3 in the published release",)


def test_another_dataset_beside_one_is_trained_on_alone(tmp_path: Path) -> None:
    for name in ("people/a.wav", "people/b.wav", "made/v/a.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    items = (Item("a", "a.wav", "test", group="ann"), Item("b", "b.wav", "val", group="bob"))
    people = Manifest("people", tmp_path / "people", items, ("2 of 3",), (("c.txt", "text"),))
    voice = Item("a", "v/a.wav", "test", text="yes", group="ann")
    made = Manifest("made", tmp_path / "made", (voice,), ("synthetic",), (("d", "empty"),))
    both = join_training(people, made)
    check_manifest(both)
    assert (both.name, both.root) == ("people", tmp_path / "people")
    found = [(item.id, item.path, item.split, item.group) for item in both.items]
    assert found == [
        ("a", "a.wav", "test", "ann"),
        ("b", "b.wav", "val", "bob"),
        ("made/a", "made:v/a.wav", "train", None),
    ]
    assert both.place("b.wav") == (tmp_path / "people", "b.wav")
    assert both.place("made:v/a.wav") == (tmp_path / "made", "v/a.wav")
    assert both.items[2].text == "yes"
    assert both.findings == ("2 of 3", "training: 1 item of made", "synthetic")
    assert both.skipped == (("c.txt", "text"), ("made:d", "empty"))


def test_a_path_out_of_one_root_stays_a_fault_beside_another(tmp_path: Path) -> None:
    for name in ("people", "made"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.wav").write_bytes(b"")
    made = Manifest("made", tmp_path / "made", (Item("1", "a.wav", "train"),))
    for path in ("../made/a.wav", "/etc/passwd"):
        people = Manifest("people", tmp_path / "people", (Item("1", path, "test"),))
        with pytest.raises(ValueError, match="paths outside the root"):
            join_training(people, made)


def test_where_the_roots_lie_does_not_show(tmp_path: Path) -> None:
    found = []
    for far in ("", "some/where/else"):
        for name in (f"{far}/people/a.wav".strip("/"), "made/a.wav"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(b"")
        people = Manifest("people", tmp_path / far / "people", (Item("a", "a.wav", "test"),))
        made = Manifest("made", tmp_path / "made", (Item("a", "a.wav", "train"),))
        found.append(join_training(people, made).items)
    assert found[0] == found[1]


def test_roots_behind_links_are_joined(tmp_path: Path) -> None:
    for name in ("real", "made"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.wav").write_bytes(name.encode())
        (tmp_path / f"link to {name}").symlink_to(tmp_path / name)
    people = Manifest("people", tmp_path / "link to real", (Item("a", "a.wav", "test"),))
    made = Manifest("made", tmp_path / "link to made", (Item("a", "a.wav", "train"),))
    both = join_training(people, made)
    check_manifest(both)
    places = [both.place(item.path) for item in both.items]
    assert [(root / below).read_text() for root, below in places] == ["real", "made"]


def test_a_path_of_an_extra_stays_below_its_own_root(tmp_path: Path) -> None:
    for name in ("people", "made"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.wav").write_bytes(b"")
    people = Manifest("people", tmp_path / "people", (Item("a", "a.wav", "test"),))
    made = Manifest("made", tmp_path / "made", (Item("a", "a.wav", "train"),))
    both = join_training(people, made)
    out = replace(both, items=(*both.items, Item("b", "made:../people/a.wav", "train")))
    with pytest.raises(
        ValueError, match=r"paths outside the root: b \('made:\.\./people/a\.wav'\)"
    ):
        check_manifest(out)


def test_an_extra_is_of_one_root_and_a_plain_name(tmp_path: Path) -> None:
    one = manifest(tmp_path, Item("a", "a.wav", "test"))
    for extra, message in (
        (replace(one, name="a:b"), "a name without :, got a:b"),
        (join_training(one, replace(one, name="made")), "got demo beside made"),
    ):
        with pytest.raises(ValueError, match=message):
            join_training(one, extra)


def test_a_colon_in_a_path_is_taken_as_it_stands(tmp_path: Path) -> None:
    for name in ("people/10:30.wav", "made/a.wav"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"")
    people = Manifest("people", tmp_path / "people", (Item("a", "10:30.wav", "test"),))
    made = Manifest("made", tmp_path / "made", (Item("a", "a.wav", "train"),))
    check_manifest(join_training(people, made))
    with pytest.raises(ValueError, match=r"no path of people that begins with 10:.* got 10:30"):
        join_training(people, replace(made, name="10"))
