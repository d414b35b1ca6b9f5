import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.features.augment_crop import RandomCrop


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def slope(frames: int, height: int = 40, width: int = 60) -> torch.Tensor:
    """A clip whose red tells the row, green the column, blue the frame."""
    clip = torch.zeros(frames, height, width, 3, dtype=torch.uint8)
    clip[..., 0] = torch.arange(height)[:, None] * 4
    clip[..., 1] = torch.arange(width) * 4
    clip[..., 2] = torch.arange(frames)[:, None, None]
    return clip


def parts(augment: RandomCrop, count: int = 200) -> tuple[torch.Tensor, torch.Tensor]:
    """Heights and widths, ``(count,)`` pixels, of the parts drawn, read off the slopes."""
    seen = augment(Padded.stack([slope(1)] * count), generator()).data[:, 0].float() / 4
    # Between the second and the last but one pixel, where no rim bends the slope.
    height = (seen[:, -2, 5, 0] - seen[:, 1, 5, 0]) * 40 / 37
    width = (seen[:, 5, -2, 1] - seen[:, 5, 1, 1]) * 60 / 57
    return height, width


def test_the_whole_picture_stays_as_it_is() -> None:
    clips = Padded.stack([torch.randint(0, 256, (3, 8, 10, 3), dtype=torch.uint8)] * 4)
    same = RandomCrop(1, 1, 1)(clips, generator()).data
    assert torch.equal(same, clips.data)


def test_parts_have_the_areas_and_shapes_allowed() -> None:
    height, width = parts(RandomCrop(0.25, 0.5, 1.0))
    area = height * width / (40 * 60)
    assert 0.23 < area.min() < 0.28
    assert 0.47 < area.max() < 0.53
    torch.testing.assert_close(height / width, torch.full_like(height, 2 / 3), atol=0.06, rtol=0)
    height, width = parts(RandomCrop(0.25, 0.25, 1.5))
    shape = width / height / 1.5
    assert 0.6 < shape.min() < 0.75
    assert 1.35 < shape.max() < 1.6


def test_parts_lie_everywhere() -> None:
    seen = RandomCrop(0.25, 0.25, 1)(Padded.stack([slope(1)] * 200), generator()).data[:, 0]
    top, left = seen[:, 0, 0, 0] // 4, seen[:, 0, 0, 1] // 4
    assert (int(top.min()), int(left.min())) == (0, 0)
    assert (int(top.max()), int(left.max())) == (20, 30)


def test_a_clip_is_cut_as_one_and_its_padding_is_zero() -> None:
    clips = Padded.stack([slope(4), slope(2)])
    clips.data[1, 2:] = 99
    seen = RandomCrop(0.3)(clips, generator()).data
    assert torch.equal(seen[0, ..., :2], seen[0, :1, ..., :2].expand_as(seen[0, ..., :2]))
    assert not seen[1, 2:].any()
    assert not torch.equal(seen[0, 0], seen[1, 0])


def test_the_same_generator_gives_the_same_parts() -> None:
    clips = Padded.stack([slope(2)] * 3)
    one, two, other = (RandomCrop()(clips, generator(seed)).data for seed in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


def test_an_impossible_range_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected 0.05 <= low <= high <= 1, got 0.5 and 0.4"):
        RandomCrop(0.5, 0.4)
    with pytest.raises(ValueError, match="expected 1 <= max_aspect <= 2, got 3"):
        RandomCrop(max_aspect=3)
