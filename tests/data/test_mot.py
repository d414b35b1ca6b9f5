import cv2
import numpy as np
import pytest

from rnnmm.data.mot import prepare
from rnnmm.manifest import check_manifest
from rnnmm.text.boxes import Box, read_sightings

JPEG = cv2.imencode(".jpg", np.zeros((48, 64, 3), np.uint8))[1].tobytes()
INFO = "[Sequence]\nname={}\nimDir=img1\nframeRate=10\nseqLength=8\nimWidth=64\nimHeight=48\n"


def sequence(name: str, lines: list[str], info: str = INFO) -> dict[str, str | bytes]:
    folder = f"train/{name}"
    pictures = {f"{folder}/img1/{n:06d}.jpg": JPEG + name.encode() for n in range(1, 9)}
    ini = {f"{folder}/seqinfo.ini": info.format(name)}
    return pictures | ini | {f"{folder}/gt/gt.txt": "\n".join(lines) + "\n"}


def walk(person: int, frames: range, more: str = "1,1,0.9") -> list[str]:
    return [f"{n},{person},{n + 1},5,6.5,12,{more}" for n in frames]


def test_people_are_items_from_where_they_come_to_where_they_go(make_tree) -> None:
    lines = [
        *walk(2, range(3, 8)), *walk(1, range(1, 9)), *walk(3, range(1, 9), "0,1,1"),
        *walk(4, range(1, 9), "1,7,1"), *walk(5, range(1, 3)), *walk(6, range(1, 4)),
        *walk(6, range(5, 9)),
    ]  # fmt: skip
    manifest = prepare(make_tree(sequence("MOT17-02", lines)), min_frames=3, all_test=True)
    check_manifest(manifest)
    assert [(item.id, item.start_s, item.end_s) for item in manifest.items] == [
        ("MOT17-02/1@0", 0.0, 0.8),
        ("MOT17-02/2@2", 0.2, 0.7),
        ("MOT17-02/6@0", 0.0, 0.3),
        ("MOT17-02/6@4", 0.4, 0.8),
    ]
    assert {(item.group, item.split, item.path) for item in manifest.items} == {
        ("MOT17-02", "test", "rnnmm_clips/MOT17-02.mkv")
    }
    second = read_sightings(manifest.items[1].segments or ())
    assert [one.box.x for one in second] == [3, 4, 5, 6, 7]
    assert second[0].box == Box(3, 4, 6.5, 12)
    assert (second[0].start_s, second[-1].end_s) == (0.0, 0.5)  # from the item's start
    assert (second[0].picture_width, second[0].picture_height) == (64, 48)


def test_sequences_are_split_whole(make_tree) -> None:
    files = {}
    for number in range(6):
        files |= sequence(f"MOT17-{number:02d}", walk(1, range(1, 9)))
    manifest = prepare(make_tree(files), min_frames=2)
    assert sorted(item.split for item in manifest.items) == ["test", *["train"] * 4, "val"]


def test_lists_of_the_first_year_have_no_classes(make_tree) -> None:
    files = sequence("ADL-Rundle-6", walk(1, range(1, 9), "1,-1,-1,-1"))
    assert len(prepare(make_tree(files), min_frames=8).items) == 1


@pytest.mark.parametrize("line", ["1,2,3", "x,1,1,1,1,1,1", "1,1,a,1,1,1,1"])
def test_a_line_that_is_no_box(make_tree, line: str) -> None:
    with pytest.raises(ValueError, match=r"gt\.txt:2: expected frame,person,left,top,.* got"):
        prepare(make_tree(sequence("MOT17-02", [*walk(1, range(1, 2)), line])))


@pytest.mark.parametrize("info", ["", "[Sequence]\nname=a\n", "[Sequence]\nframeRate=fast\n"])
def test_a_sequence_without_a_rate(make_tree, info: str) -> None:
    with pytest.raises(ValueError, match=r"seqinfo\.ini: expected a section \[Sequence\] with"):
        prepare(make_tree(sequence("MOT17-02", walk(1, range(1, 9)), info)))
