import pytest
import torch
from torch import nn

from rnnmm.batch import Padded
from rnnmm.features.frames import FrameDifferences, Pixels

CLIPS = Padded.stack([torch.randint(0, 256, (n, 5, 4, 3), dtype=torch.uint8) for n in (6, 2)])


def test_pixels_are_those_of_the_formula():
    mean, std = (0.5, 0.4, 0.3), (0.2, 0.25, 0.5)
    found = Pixels(mean, std)(CLIPS)
    assert found.data.shape == (2, 6, 3, 5, 4)
    for channel in range(3):
        expected = (CLIPS.data[..., channel] / 255 - mean[channel]) / std[channel]
        torch.testing.assert_close(found.data[0, :, channel], expected[0], rtol=1e-5, atol=1e-6)
    assert found.data.permute(0, 1, 3, 4, 2).is_contiguous()


def test_grey_frames_are_a_matter_of_one_mean():
    grey = CLIPS.with_data(CLIPS.data[..., :1])
    stage = Pixels(mean=[0.0], std=[1.0])
    torch.testing.assert_close(stage(grey).data[0, :, 0], grey.data[0, ..., 0] / 255)
    assert stage.output_dim(1) == 1


@pytest.mark.parametrize(
    "data",
    [CLIPS.data.float(), CLIPS.data[0], CLIPS.data[..., :2]],
    ids=["type", "axes", "channels"],
)
def test_what_is_no_frame_is_refused(data):
    with pytest.raises(ValueError, match=r"Pixels: expected frames \(B, T, H, W, 3\) uint8, got"):
        Pixels()(Padded(data, torch.full((len(data),), 2)))


@pytest.mark.parametrize(("mean", "std"), [([0.5], [0.2, 0.2]), ([], []), ([0.5], [0.0])])
def test_mean_and_std_must_fit(mean, std):
    with pytest.raises(ValueError, match="expected a mean and a std > 0 per channel, got"):
        Pixels(mean, std)


def test_pixels_know_their_channels():
    with pytest.raises(ValueError, match="expected 3 channels, as many as means, got 1"):
        Pixels().output_dim(1)


def test_differences_are_from_one_frame_to_the_next():
    frames = Pixels()(CLIPS)
    both, only = FrameDifferences()(frames), FrameDifferences(only=True)(frames)
    for clip, pair, change in zip(frames.rows(), both.rows(), only.rows(), strict=True):
        assert torch.equal(pair[:, :3], clip)
        assert torch.equal(pair[:, 3:], change)
        assert not change[0].any()
        assert torch.equal(change[1:], clip[1:] - clip[:-1])
    assert (FrameDifferences().output_dim(3), FrameDifferences(only=True).output_dim(3)) == (6, 3)


def test_a_convolution_reads_them_as_any_other_picture():
    frames = FrameDifferences()(Pixels()(CLIPS))
    convolution = nn.Conv2d(6, 4, 3)
    found = convolution(frames.data[frames.mask])
    torch.testing.assert_close(found, convolution(frames.data.contiguous()[frames.mask]))
