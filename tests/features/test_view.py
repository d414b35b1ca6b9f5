import pytest
import torch

from rnnmm.batch import AudioVisual, Padded
from rnnmm.features.frames import resize_frames
from rnnmm.features.view import View, make_views


def clips(*lengths: int, height: int = 16, width: int = 24) -> Padded:
    torch.manual_seed(0)
    rows = [torch.randint(0, 256, (n, height, width, 3), dtype=torch.uint8) for n in lengths]
    return Padded.stack(rows)


def test_one_view_is_all_there_is() -> None:
    (only,) = make_views(1, None, 1)
    x = clips(5, 3)
    assert only.of(x) is x


@pytest.mark.parametrize("num_clips", [1, 2, 3, 4])
def test_clips_run_from_the_first_to_the_last_that_fits(num_clips: int) -> None:
    x = Padded.stack([torch.arange(n)[:, None] for n in (10, 4, 2)])
    seen = [view.of(x) for view in make_views(num_clips, 4, 1)]
    assert len(seen) == num_clips
    starts = {1: [3], 2: [0, 6], 3: [0, 3, 6], 4: [0, 2, 4, 6]}[num_clips]
    for one, start in zip(seen, starts):
        expected = [list(range(start, start + 4)), [0, 1, 2, 3], [0, 1]]
        assert [row.flatten().tolist() for row in one.rows()] == expected


def test_three_crops_lie_left_in_the_middle_and_right() -> None:
    x = clips(2, height=16, width=24)
    crops = [view.of(x).data[0] for view in make_views(1, None, 3)]
    for crop, left in zip(crops, (0, 2, 3)):  # 14 x 21 of 16 x 24
        assert torch.equal(crop, resize_frames(x.data[0, :, 1:15, left : left + 21], 16, 24))


def test_three_crops_of_a_high_picture_lie_one_below_the_other() -> None:
    x = clips(2, height=24, width=16)
    crops = [view.of(x).data[0] for view in make_views(1, None, 3)]
    for crop, top in zip(crops, (0, 2, 3)):
        assert torch.equal(crop, resize_frames(x.data[0, :, top : top + 21, 1:15], 24, 16))


def test_every_clip_is_seen_in_every_crop() -> None:
    views = list(make_views(2, 3, 3))
    assert [(view.place, view.crop) for view in views] == [
        (place, crop) for place in (0.0, 1.0) for crop in (0.0, 0.5, 1.0)
    ]


def test_padding_is_not_looked_at() -> None:
    rows = clips(9, 4, 1).rows()
    x = Padded.stack(rows)
    x.data[~x.mask] = 77
    for view in make_views(2, 3, 3):
        alone = [view.of(Padded.stack([row])).data[0] for row in rows]
        for one, other in zip(view.of(x).rows(), alone):
            assert torch.equal(one, other)


def test_what_cannot_be_seen_is_refused() -> None:
    with pytest.raises(ValueError, match="views: expected to know how long 3 clips are, got no"):
        make_views(3, None, 1)
    sound = Padded.stack([torch.randn(8)])
    with pytest.raises(ValueError, match=r"views: expected stored frames .* got \(8,\)"):
        View(crop=0.0).of(sound)
    with pytest.raises(ValueError, match="views: expected sound or pictures alone, got both"):
        View(4).of(AudioVisual(sound.data, sound.lengths, clips(3)))
