import hashlib
from pathlib import Path

import av
import numpy as np
import pytest

from rnnmm.data import chase
from rnnmm.data.chase import NUM_FRAMES, SIDE_PX, boxes_of, draw_clip, prepare
from rnnmm.manifest import check_manifest
from rnnmm.text.boxes import read_sightings


def test_a_clip_is_a_function_of_seed_and_index() -> None:
    assert draw_clip(0, 3).shape == (NUM_FRAMES, SIDE_PX, SIDE_PX, 3)
    np.testing.assert_array_equal(draw_clip(0, 3), draw_clip(0, 3))
    assert not np.array_equal(draw_clip(0, 3)[0], draw_clip(0, 4)[0])
    assert not np.array_equal(draw_clip(0, 3)[0], draw_clip(1, 3)[0])


def test_the_box_is_where_the_shape_is() -> None:
    """Another texture changes pixels inside the box alone, and on all four of its sides."""
    wall, shapes, target = chase._plan(0, 0)
    other = list(shapes)
    other[target] = shapes[target]._replace(patch=255 - shapes[target].patch)
    for t, box in enumerate(boxes_of(0, 0)):
        changed = (chase._draw(wall, shapes, t) != chase._draw(wall, other, t)).any(axis=2)
        rows, columns = (np.flatnonzero(changed.any(axis=axis)) for axis in (1, 0))
        assert columns[0] == pytest.approx(box.x, abs=1) and rows[0] == pytest.approx(box.y, abs=1)
        assert columns[-1] + 1 == pytest.approx(box.x + box.width, abs=1)
        assert rows[-1] + 1 == pytest.approx(box.y + box.height, abs=1)


def test_every_second_clip_has_something_before_the_shape() -> None:
    for index, count in ((0, 3), (1, 4), (2, 3), (3, 4)):
        _, shapes, target = chase._plan(5, index)
        assert len(shapes) == count and target == 2


def test_clips_are_made_once_and_listed_with_their_boxes(tmp_path: Path) -> None:
    manifest = prepare(str(tmp_path), num_clips=14)
    check_manifest(manifest)
    assert [item.split for item in manifest.items] == ["test"] * 2 + ["val"] * 2 + ["train"] * 10
    boxes = read_sightings(manifest.items[4].segments or ())
    assert [one.box for one in boxes] == boxes_of(0, 4)
    path = manifest.root / manifest.items[4].path
    with av.open(str(path)) as file:
        frames = np.stack([frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)])
    assert abs(frames.astype(int) - draw_clip(0, 4)).mean() < 12  # what H.264 and 4:2:0 leave
    digest, made = hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns
    prepare(str(tmp_path), num_clips=7)
    assert path.stat().st_mtime_ns == made
    path.unlink()
    prepare(str(tmp_path), num_clips=14)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
    assert sorted(one.name for one in manifest.root.iterdir()) == [
        f"{n:05d}.mp4" for n in range(14)
    ]


def test_too_few_clips(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"dataset\.num_clips: expected at least 7, got 6"):
        prepare(str(tmp_path), num_clips=6)
