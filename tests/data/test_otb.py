import cv2
import numpy as np
import pytest

from rnnmm.data.otb import prepare
from rnnmm.manifest import check_manifest
from rnnmm.text.boxes import Box, read_sightings

JPEG = cv2.imencode(".jpg", np.zeros((48, 64, 3), np.uint8))[1].tobytes()


def sequence(name: str, count: int, **boxes: str) -> dict[str, str | bytes]:
    pictures = {f"{name}/img/{n:04d}.jpg": JPEG + b"\0" * n for n in range(1, count + 1)}
    return pictures | {f"{name}/{key.replace('_', '.')}.txt": text for key, text in boxes.items()}


def tree() -> dict[str, str | bytes]:
    jogging = {
        "Jogging/groundtruth_rect.1.txt": "1 1 5 6\n2 1 5 6\n",
        "Jogging/groundtruth_rect.2.txt": "9 1 5 6\n9 1 5 6\n",
    }
    return {
        **sequence("Basketball", 3),
        "Basketball/groundtruth_rect.txt": "11,21,5,6\n12,21,5,6\n0,0,0,0\n",
        **sequence("Car4", 4),
        "Car4/groundtruth_rect.txt": "1\t2\t30\t40\r\n2\t2\t30\t40\r\n",
        **sequence("Jogging", 2),
        **jogging,
        "Lost/groundtruth_rect.txt": "1,1,2,2\n",
    }


def test_objects_have_their_boxes_and_sequences_their_clips(make_tree) -> None:
    manifest = prepare(make_tree(tree()), frame_rate=10.0)
    check_manifest(manifest)
    assert [(item.id, item.group, item.split) for item in manifest.items] == [
        ("Basketball", "Basketball", "test"),
        ("Car4", "Car4", "test"),
        ("Jogging.1", "Jogging", "test"),
        ("Jogging.2", "Jogging", "test"),
    ]
    first, car, *jogging = (read_sightings(item.segments or ()) for item in manifest.items)
    # Counted from 1; a box without an inside is none.
    assert [one.box for one in first] == [Box(10, 20, 5, 6), Box(11, 20, 5, 6)]
    assert (first[1].start_s, first[1].end_s) == (0.1, 0.2)
    assert first[0].picture_width == 64 and first[0].picture_height == 48
    assert [one.box.x for one in car] == [0, 1]
    assert [one[0].box.x for one in jogging] == [0, 8]
    assert "objects: 4 found, 100 in the published release" in manifest.findings
    assert "1 sequence without pictures, left out: Lost" in manifest.findings


def test_davids_boxes_begin_with_picture_300(make_tree) -> None:
    files = {**sequence("David", 302), "David/groundtruth_rect.txt": "1,1,2,2\n" * 3}
    root = make_tree(files)
    (item,) = prepare(root).items
    clip = (manifest_root := prepare(root)).root / item.path
    pictures = [JPEG + b"\0" * n for n in (300, 301, 302)]
    assert sum(map(len, pictures)) < clip.stat().st_size < sum(map(len, pictures)) + 2000
    assert len(manifest_root.items[0].segments or ()) == 3


@pytest.mark.parametrize("line", ["1,2,3", "1,2,3,4,5", "a,b,c,d"])
def test_a_line_that_is_no_box(make_tree, line: str) -> None:
    files = {**sequence("Car4", 1), "Car4/groundtruth_rect.txt": f"1,1,2,2\n{line}\n"}
    with pytest.raises(
        ValueError, match=r"rect\.txt:2: expected left, top, width and height, got"
    ):
        prepare(make_tree(files))


def test_an_empty_folder(make_tree) -> None:
    with pytest.raises(ValueError, match="otb: nothing left of the corpus"):
        prepare(make_tree({"readme": "."}))
