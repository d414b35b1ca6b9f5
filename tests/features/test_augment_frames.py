import pytest
import torch
from torch.nn import functional

from rnnmm.batch import Padded
from rnnmm.features.augment_frames import (
    FrameShift,
    HorizontalFlip,
    TemporalJitter,
    Zoom,
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def still(frames=4, height=20, width=30, seed=0):
    """A clip of one picture, many times."""
    torch.manual_seed(seed)
    picture = torch.randint(1, 256, (1, height, width, 3), dtype=torch.uint8)
    return picture.expand(frames, -1, -1, -1).contiguous()


def slow_shift(picture, down, right, fill):
    """The definition, pixel by pixel."""
    height, width, _ = picture.shape
    moved = torch.zeros_like(picture)
    for y in range(height):
        for x in range(width):
            from_y, from_x = y - down, x - right
            inside = 0 <= from_y < height and 0 <= from_x < width
            if inside or fill == "edge":
                from_y = min(max(from_y, 0), height - 1)
                moved[y, x] = picture[from_y, min(max(from_x, 0), width - 1)]
    return moved


@pytest.mark.parametrize("augment", [FrameShift(0.3), Zoom(), HorizontalFlip(0.5)])
def test_a_clip_is_changed_as_one(augment):
    clips = Padded.stack([still(5, seed=seed) for seed in range(6)])
    changed = augment(clips, generator()).data
    assert torch.equal(changed, changed[:, :1].expand_as(changed))
    assert not torch.equal(changed, clips.data)


@pytest.mark.parametrize("fill", ["edge", "zero"])
def test_a_shift_is_one_of_those_allowed(fill):
    clips = Padded.stack([still(1, 6, 8, seed) for seed in range(30)])
    moved = FrameShift(0.25, fill)(clips, generator()).data
    seen = set()
    for before, after in zip(clips.data[:, 0], moved[:, 0], strict=True):
        ways = [(down, right) for down in range(-2, 3) for right in range(-2, 3)]
        fitting = [way for way in ways if torch.equal(slow_shift(before, *way, fill), after)]
        assert fitting
        seen.update(fitting)
    assert len(seen) > 12


def test_a_flip_mirrors_left_and_right():
    clips = Padded.stack([still(2, 5, 7, seed) for seed in range(200)])
    flipped = HorizontalFlip(0.3)(clips, generator()).data
    pairs = zip(flipped, clips.data, strict=True)
    is_flipped = torch.tensor([torch.equal(after, before.flip(2)) for after, before in pairs])
    assert 40 <= int(is_flipped.sum()) <= 80
    assert torch.equal(flipped[~is_flipped], clips.data[~is_flipped])
    assert torch.equal(HorizontalFlip(1.0)(clips, generator()).data, clips.data.flip(3))
    assert torch.equal(HorizontalFlip(0.0)(clips, generator()).data, clips.data)


def smooth(height=40, width=60):
    coarse = torch.rand(1, 3, 5, 7, generator=generator(3)) * 255
    picture = functional.interpolate(coarse, (height, width), mode="bicubic", align_corners=True)
    return picture.clamp(0, 255).byte().permute(0, 2, 3, 1).contiguous()  # (1, H, W, 3)


@pytest.mark.parametrize("factor", [1.0, 1.25, 2.0])
def test_zooming_in_enlarges_the_middle(factor):
    clip = smooth()
    found = Zoom(factor, factor)(Padded.stack([clip]), generator()).data[0]
    top, left = (round((n - n / factor) / 2) for n in (40, 60))
    middle = clip[:, top : 40 - top, left : 60 - left].permute(0, 3, 1, 2).float()
    expected = functional.interpolate(middle, (40, 60), mode="bilinear").permute(0, 2, 3, 1)
    assert (found.float() - expected).abs().max() <= 1.01
    if factor == 1:
        assert torch.equal(found, clip)


def test_zooming_out_leaves_a_rim():
    clip = smooth()
    black = Zoom(0.5, 0.5, "zero")(Padded.stack([clip]), generator()).data[0]
    inside = black[:, 10:30, 15:45]
    means = clip.float().unfold(1, 2, 2).unfold(2, 2, 2).mean((-1, -2))  # (1, 20, 30, 3)
    assert (inside.float() - means).abs().max() <= 6  # antialiased: a wider triangle than 2 x 2
    assert black.sum() == inside.sum()
    edge = Zoom(0.5, 0.5)(Padded.stack([clip]), generator()).data[0]
    assert torch.equal(edge[:, 10:30, 15:45], inside)
    assert torch.equal(edge[:, 0, 0], inside[:, 0, 0])
    assert torch.equal(edge[:, 35, 15:45], inside[:, -1])


@pytest.mark.parametrize("rate", [0.5, 0.8, 1.0, 1.6, 2.0])
def test_time_runs_evenly_at_any_rate(rate):
    counted = torch.arange(40, dtype=torch.uint8)[:, None, None, None].expand(-1, 2, 2, 3)
    clips = Padded.stack([counted, counted[:8]])
    y = TemporalJitter(rate, rate)(clips, generator())
    assert y.lengths.tolist() == [40 / rate, 8 / rate]
    for clip in y.rows():
        shown = clip[:, 0, 0, 0].double()
        expected = (torch.arange(len(clip)) + 0.5) * rate - 0.5
        assert (shown - expected).abs().max() <= 0.5
    if rate == 1:
        assert torch.equal(y.data, clips.data)


def test_every_clip_has_a_rate_of_its_own():
    clips = Padded.stack([still(60, 2, 2)] * 40)
    lengths = TemporalJitter(0.8, 1.25)(clips, generator()).lengths
    assert (lengths.min() >= 48) and (lengths.max() <= 75)
    assert len(lengths.unique()) > 10


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FrameShift(0.6), "FrameShift: expected 0 <= max_fraction <= 0.5, got 0.6"),
        (lambda: FrameShift(0.1, "grey"), "FrameShift: expected fill edge or zero, got 'grey'"),
        (lambda: HorizontalFlip(2), "HorizontalFlip: expected 0 <= probability <= 1, got 2"),
        (lambda: Zoom(0.1, 1), r"Zoom: expected 0.5 <= low <= high <= 2, got 0.1 and 1"),
        (lambda: Zoom(fill="grey"), "Zoom: expected fill edge or zero, got 'grey'"),
        (lambda: TemporalJitter(1, 3), r"TemporalJitter: expected 0.5 <= low <= high <= 2, got"),
    ],
)
def test_arguments_are_checked(make, message):
    with pytest.raises(ValueError, match=message):
        make()
