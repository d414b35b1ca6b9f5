import pytest

from rnnmm.data.gmdcsa24 import prepare
from rnnmm.manifest import Item, Segment, check_manifest

HEADER = "File Name,Length (seconds),Time of Recording,Attire,Description, Classes\n"


def row(name: str, classes: str, text: str = " Sits and reads") -> str:
    return f"{name}.mp4,08, Day,Shirt,{text},{classes}\n"


def tree() -> dict[str, str]:
    files = {}
    for n in range(1, 5):
        files[f"subject{n}/ADL.csv"] = HEADER + row(
            "01", " Sitting[0 to 1; 3 to 4]; Reading[1 to 2]"
        )
        files[f"subject{n}/Fall.csv"] = HEADER + row("07", " Falling (FW)[0.8 to 4]")
        files |= {f"subject{n}/ADL/01.mp4": "", f"subject{n}/Fall/07.mp4": ""}
    return files


def with_actions(make_tree, classes: str):
    files = tree() | {"subject3/ADL.csv": HEADER + row("01", classes)}
    manifest = prepare(make_tree(files))
    (item,) = (one for one in manifest.items if one.id == "subject3/ADL/01")
    return item, manifest.findings


def test_an_item_has_its_actions_its_sentence_and_its_person(make_tree) -> None:
    manifest = prepare(make_tree(tree()))
    check_manifest(manifest)
    sitting = [Segment(0.0, 1.0, "sitting"), Segment(3.0, 4.0, "sitting")]
    assert manifest.items[0] == Item(
        "subject1/ADL/01", "subject1/ADL/01.mp4", "test", speaker="subject1", label="ADL",
        captions=("Sits and reads",), group="subject1",
        segments=(*sitting, Segment(1.0, 2.0, "reading")),
    )  # fmt: skip
    assert [item.split for item in manifest.items[::2]] == ["test", "val", "train", "train"]
    assert manifest.findings == (
        "clips: 8 found, 160 in the published release", "split: 4 train, 2 val, 2 test",
    )  # fmt: skip


def test_any_person_can_be_left_out(make_tree) -> None:
    items = prepare(make_tree(tree()), "subject4", "subject3").items
    assert {i.speaker: i.split for i in items} == {
        "subject1": "train", "subject2": "train", "subject3": "val", "subject4": "test",
    }  # fmt: skip


def test_falls_can_be_kept_from_training(make_tree) -> None:
    manifest = prepare(make_tree(tree()), train_falls=False)
    kinds = {(item.split, item.label) for item in manifest.items}
    assert ("train", "Fall") not in kinds and len(kinds) == 5
    assert "train_falls=false: 2 clips of train left out" in manifest.findings


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        (" Falling (SW)[1.8 to 5]:; Walking[0 to 1.8]", "falling 1.8 5, walking 0 1.8"),
        ("Fall (FW)[0 to 3]", "falling 0 3"),
        ("Falling (BW[5.9 to 10]; Walking[0 to 1.3]", "falling 5.9 10, walking 0 1.3"),
        ("Falling (SW) [ 2.8 to 6];", "falling 2.8 6"),
        ("Eating[0.9 4.6]; Standing[0 to 8.1]", "eating 0.9 4.6, standing 0 8.1"),
        ("Standing[2 to 3; 6 to 7; Walking[3 to 5] ", "standing 2 3, standing 6 7, walking 3 5"),
    ],
)
def test_actions_however_they_are_typed(make_tree, classes: str, expected: str) -> None:
    item, findings = with_actions(make_tree, classes)
    assert ", ".join(f"{s.label} {s.start_s:g} {s.end_s:g}" for s in item.segments) == expected
    assert len(findings) == 2


@pytest.mark.parametrize(
    ("classes", "fault"),
    [
        ("Reading; Sitting[0 to 2]", "reading"),
        ("Sitting[0 to 2]; Falling (FW)", "falling"),
        ("Sitting[0 to 2]; Reading[12]", "reading"),  # not from 1 to 2
        ("Sitting[0 to 2; 9.7 to 3]", "sitting 9.7 to 3"),
        ("Sitting[0 to 2; 1..2 to 3]", "sitting 1..2 to 3"),
        ("[0 to 1] Sitting[0 to 2]", " 0 to 1"),
    ],
)
def test_an_action_without_a_time_is_named(make_tree, classes: str, fault: str) -> None:
    item, findings = with_actions(make_tree, classes)
    assert item.segments == (Segment(0.0, 2.0, "sitting"),)
    assert f"actions without a time, left out: subject3/ADL/01 ({fault})" in findings


def test_clips_that_are_not_there_and_those_in_no_table_are_told(make_tree) -> None:
    files = tree()
    files["subject1/ADL.csv"] += row("02", "Walking[0 to 1]")
    files["subject2/ADL/09.mp4"] = ""
    findings = prepare(make_tree(files)).findings
    assert "1 clip listed but absent: subject1/ADL/02" in findings
    assert "1 clip in no table, not used: subject2/ADL/09" in findings


def test_what_is_no_corpus_is_refused(make_tree, tmp_path) -> None:
    (tmp_path / "none").mkdir()
    root = make_tree(tree() | {"subject4/ADL.csv": "name,what\n"})
    with pytest.raises(ValueError, match=r"ADL.csv:1: expected the columns File Name, Descript"):
        prepare(root)
    root = make_tree(tree() | {"subject4/ADL.csv": HEADER + "01.mp4,8\n"})
    with pytest.raises(ValueError, match=r"ADL.csv:2: expected 6 cells, got 2"):
        prepare(root)
    with pytest.raises(ValueError, match=r"dataset.test_subject among subject1.*, got 'ann'"):
        prepare(root, test_subject="ann")
    with pytest.raises(ValueError, match=r"gmdcsa24: found no media below .*; expected subjectN"):
        prepare(str(tmp_path / "none"))


@pytest.mark.corpus
def test_the_real_part(corpus) -> None:
    manifest = prepare(corpus("gmdcsa24"))
    check_manifest(manifest)
    assert [item.split for item in manifest.items].count("train") == 14
    assert manifest.findings[-1] == "split: 14 train, 4 val, 5 test"
    assert manifest.findings[0] == "clips: 23 found, 160 in the published release"
    assert manifest.findings[1].startswith("137 clips listed but absent: subject1/ADL/01")
    assert all(item.segments and item.captions for item in manifest.items)
