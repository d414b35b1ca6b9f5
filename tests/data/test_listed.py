from pathlib import Path

import pytest

from rnnmm.data.listed import (
    Entry,
    Line,
    collect,
    describe_no_lists,
    draw_val,
    drop_shared_groups,
    flatten,
    leave_out,
    match_files,
    measure_on_val,
    read_numbered,
)
from rnnmm.data.listing import VIDEO, Media, find_media


def test_lines_may_hold_spaces_and_a_number(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_bytes("\ufeffa b/Übung 1.avi 12\r\n\r\nc/d.avi\re 7\n".encode())
    assert list(read_numbered(path, VIDEO)) == [
        Line(f"{path}:1", "a b/Übung 1.avi", "a b/Übung 1", 12),
        Line(f"{path}:3", "c/d.avi", "c/d", None),
        Line(f"{path}:4", "e", "e", 7),
    ]


@pytest.mark.parametrize(
    "line", ["/etc/passwd 1", "../a.avi", "a/../../b.avi 2", "C:\\a.avi", ".."]
)
def test_a_path_out_of_the_corpus_is_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "list"
    path.write_text(f"ok.avi 1\n{line}\n")
    with pytest.raises(ValueError, match=r"list:2: expected a path below the corpus folder, got"):
        list(read_numbered(path, VIDEO))


def test_a_name_listed_twice_is_refused_with_both_places() -> None:
    assert collect([("f:1", "a", 1), ("f:2", "b", 2)]) == {"a": 1, "b": 2}
    with pytest.raises(ValueError, match=r"^g:9: a is listed already at f:1; keep one$"):
        collect([("f:1", "a", 1), ("g:9", "a", 1)])


def media(root: Path, *paths: str) -> Media:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    return find_media(root, ".", VIDEO)


def test_flat_media_go_by_bare_names_and_name_twins(tmp_path: Path) -> None:
    flat = flatten(media(tmp_path, "z/a.avi", "b.avi", "y/a.avi"))
    assert flat.stems == {"a": "y/a.avi", "b": "b.avi"}
    assert flat.findings == ("1 file not used, another folder holds the same name: z/a.avi",)
    assert leave_out(flat, ["a", "c"]).stems == {"b": "b.avi"}


GROUPED = {
    f"{label}{group}{n}": Entry("train", label, group=f"{label}{group}")
    for label in "xy"
    for group in range(10)
    for n in range(3)
}


def test_val_takes_whole_groups_of_every_class() -> None:
    drawn = draw_val({**GROUPED, "t": Entry("test", "x", group="t")}, 0.2, 0)
    val = {entry.group for entry in drawn.values() if entry.split == "val"}
    assert all((entry.group in val) == (entry.split == "val") for entry in drawn.values())
    assert [sum(group[0] == label for group in val) for label in "xy"] == [2, 2]
    assert drawn["t"].split == "test" and list(drawn) == [*GROUPED, "t"]
    assert drawn != draw_val({**GROUPED, "t": Entry("test", "x", group="t")}, 0.2, 1)


def test_val_without_groups_takes_files_and_a_given_val_stays() -> None:
    lone = {str(n): Entry("train", "x") for n in range(10)}
    assert sum(entry.split == "val" for entry in draw_val(lone, 0.2, 0).values()) == 2
    given = {**lone, "v": Entry("val", "x")}
    assert draw_val(given, 0.2, 0) == given
    with pytest.raises(ValueError, match=r"below 1, got dataset.val_fraction=1$"):
        draw_val(lone, 1, 0)


def test_the_validation_part_can_be_the_test() -> None:
    entries = {"a": Entry("train"), "b": Entry("val"), "c": Entry("test")}
    kept, unused = measure_on_val(entries)
    assert kept == {"a": Entry("train"), "b": Entry("test")} and unused == ["c"]


def test_groups_that_the_publishers_share_are_told_and_the_others_kept() -> None:
    entries = {
        "a": Entry("train", group="g"), "b": Entry("test", group="g"),
        "c": Entry("train", group="h"), "d": Entry("train", group="h"),
    }  # fmt: skip
    lone, findings = drop_shared_groups(entries, "video")
    assert [entry.group for entry in lone.values()] == [None, None, "h", "h"]
    assert findings == ("1 video in two splits of the published lists (a leak): g",)
    assert drop_shared_groups(lone, "video") == (lone, ())


def test_lists_and_files_are_brought_together(tmp_path: Path) -> None:
    found = media(tmp_path, "a.avi", "b.avi", "c.avi", "d.avi")
    entries = {
        "b": Entry("test", "x", group="g"), "a": Entry("val", captions=("A dog .",)),
        "c": Entry("train"), "gone": Entry("train", "x"),
    }  # fmt: skip
    published = {"train+val": 3, "test": 1, "classes": 9}
    manifest = match_files("demo", found, entries, published, "clip", ("by hand",))
    assert [(i.id, i.path, i.split, i.label, i.captions, i.group) for i in manifest.items] == [
        ("a", "a.avi", "val", None, ("A dog .",), None),
        ("b", "b.avi", "test", "x", (), "g"),
    ]
    assert manifest.findings == (
        "train+val clips: 1 found, 3 in the published release",
        "classes: 1 found, 9 in the published release",
        "by hand",
        "1 file listed but absent: gone",
        "1 file in no list, not used: d",
        "1 clip without annotation, not used: c",
        "split: 0 train, 1 val, 1 test",
    )


def test_nothing_left_is_an_error(tmp_path: Path) -> None:
    found = media(tmp_path, "a.avi")
    with pytest.raises(ValueError, match=r"demo: nothing left .*1 file listed but absent: gone"):
        match_files("demo", found, {"gone": Entry("train", "x")}, {}, "clip")


def test_a_corpus_without_lists_says_so() -> None:
    assert describe_no_lists({"a": Entry("test")}) == (
        "no split lists: every item counts as test (1)",
    )
