import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.features.augment_colour import ColourJitter


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def still(frames=4, height=20, width=30, seed=0):
    """A clip of one picture, many times."""
    torch.manual_seed(seed)
    picture = torch.randint(1, 256, (1, height, width, 3), dtype=torch.uint8)
    return picture.expand(frames, -1, -1, -1).contiguous()


def test_a_clip_is_changed_as_one():
    clips = Padded.stack([still(5, seed=seed) for seed in range(6)])
    changed = ColourJitter()(clips, generator()).data
    assert torch.equal(changed, changed[:, :1].expand_as(changed))
    assert not torch.equal(changed, clips.data)


def jitter_by_hand(picture, brightness, contrast, saturation):
    levels = picture.double() * brightness
    levels = (levels - 127.5) * contrast + 127.5
    luma = (levels * torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64)).sum(
        -1, keepdim=True
    )
    return (luma + saturation * (levels - luma)).clamp(0, 255)


def test_colours_change_by_the_factors_in_their_order():
    clips = Padded.stack([still(2)])
    amounts = torch.tensor([0.5, 0.4, 0.9])
    factors = 1 + amounts * (2 * torch.rand(1, 3, generator=generator(2)) - 1)
    found = ColourJitter(*amounts.tolist())(clips, generator(2)).data[0]
    expected = jitter_by_hand(clips.data[0], *factors[0].tolist())
    assert (found - expected).abs().max() <= 0.51


def test_grey_frames_have_no_saturation():
    grey = Padded.stack([still()[..., :1]])
    assert torch.equal(ColourJitter(0, 0, 1.0)(grey, generator()).data, grey.data)


def test_no_jitter_changes_nothing():
    clips = Padded.stack([still()])
    assert torch.equal(ColourJitter(0, 0, 0)(clips, generator()).data, clips.data)


def test_colours_need_one_or_three_channels():
    with pytest.raises(ValueError, match="expected frames of 1 or 3 channels, got 2"):
        ColourJitter()(Padded.stack([still()[..., :2]]), generator())


def test_amounts_are_checked():
    with pytest.raises(ValueError, match=r"expected amounts within 0..1, got \(1.5, 0.2, 0.2\)"):
        ColourJitter(1.5)
