import cv2
import pytest
import torch
from torch.nn import functional

from rnnmm.batch import Padded
from rnnmm.features.augment_frames import HorizontalFlip
from rnnmm.features.flow import OpticalFlow

METHODS = ("dis", "farneback")


def moving(right: int, down: int, frames: int = 6) -> torch.Tensor:
    """A large picture behind a window that moves the other way, so that all moves one way."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(1, 3, 30, 30, generator=generator) * 255
    large = functional.interpolate(coarse, scale_factor=4, mode="bicubic").clamp(0, 255)
    large = large[0].permute(1, 2, 0).byte()  # (120, 120, 3)
    return torch.stack([
        large[30 - down * t : 78 - down * t, 30 - right * t : 78 - right * t]
        for t in range(frames)
    ])  # fmt: skip


def pixels(flow: torch.Tensor, max_px: float = 8.0) -> torch.Tensor:
    """Movement of all but the rim and the first frame."""
    return (flow[1:, 8:-8, 8:-8, :2].float() - 128) * max_px / 127


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("right", "down"), [(2, 0), (-3, 0), (0, 2), (1, -2)])
def test_flow_is_how_far_everything_has_moved(method: str, right: int, down: int) -> None:
    found = pixels(OpticalFlow(method)(moving(right, down)))
    expected = torch.tensor([right, down]).expand_as(found).float()
    assert (found - expected).abs().mean() < 0.1


def test_nothing_moves_in_the_first_frame_nor_where_all_stands_still() -> None:
    clip = moving(2, 1)
    assert OpticalFlow()(clip)[0, ..., :2].unique().tolist() == [128]
    still = clip[:1].expand(3, -1, -1, -1)
    assert OpticalFlow()(still)[..., :2].unique().tolist() == [128]


def test_brightness_stands_beside_it() -> None:
    clip = moving(1, 0)
    expected = torch.from_numpy(cv2.cvtColor(clip[2].numpy().copy(), cv2.COLOR_RGB2GRAY))
    assert (OpticalFlow()(clip)[2, ..., 2].int() - expected.int()).abs().max() <= 1


def test_what_is_too_far_is_the_farthest() -> None:
    found = OpticalFlow(max_px=1.0)(moving(3, -3))[1:, 8:-8, 8:-8]
    assert found[..., 0].float().median() == 255
    assert found[..., 1].float().median() == 1


def test_a_frame_depends_on_itself_and_the_one_before_alone() -> None:
    clip = moving(2, 1)
    whole = OpticalFlow()(clip)
    assert torch.equal(OpticalFlow()(clip[:4]), whole[:4])
    assert torch.equal(OpticalFlow()(clip[2:])[1:], whole[3:])


def test_a_mirrored_clip_moves_the_other_way() -> None:
    clip = moving(2, 1)
    flip = HorizontalFlip(1.0, negate=[0])
    chance = torch.Generator().manual_seed(0)
    mirrored = flip(Padded.stack([OpticalFlow()(clip)]), chance).data[0]
    expected = OpticalFlow()(clip.flip(2))
    assert (pixels(mirrored) - pixels(expected)).abs().mean() < 0.05
    assert pixels(mirrored)[..., 0].mean() == pytest.approx(-2, abs=0.1)
    assert torch.equal(mirrored[..., 1:], OpticalFlow()(clip).flip(2)[..., 1:])
    stripes = torch.tensor([1, 128, 255], dtype=torch.uint8).reshape(1, 1, 3, 1)
    there_and_back = flip(flip(Padded.stack([stripes]), chance), chance).data[0]
    assert torch.equal(there_and_back, stripes)


def test_pictures_without_room_for_a_pyramid_are_refused() -> None:
    with pytest.raises(ValueError, match="flow: expected frames of at least 16 x 16, got 12 x 40"):
        OpticalFlow()(torch.zeros(2, 12, 40, 3, dtype=torch.uint8))
