import numpy as np
import pytest
import scipy.fft
import torch

from rnnmm.batch import Padded
from rnnmm.features.dct import PictureDct


def test_coefficients_are_those_of_scipy() -> None:
    clip = np.random.default_rng(0).integers(0, 256, (3, 10, 14, 3), dtype=np.uint8)
    y = PictureDct(4, 6)(Padded.stack([torch.from_numpy(clip)]))
    full = scipy.fft.dctn(clip.mean(3), axes=(1, 2), norm="ortho")
    np.testing.assert_allclose(y.data[0], full[:, :4, :6].reshape(3, 24), atol=1e-2, rtol=1e-5)
    assert PictureDct(4, 6).output_dim(3) == 24


def test_all_frequencies_are_the_whole_picture() -> None:
    clip = torch.randint(0, 256, (2, 5, 7, 1), dtype=torch.uint8)
    y = PictureDct(5, 7)(Padded.stack([clip]))
    energy = clip.float().square().sum((1, 2, 3))
    torch.testing.assert_close(y.data[0].square().sum(1), energy, rtol=1e-5, atol=0)


def test_a_picture_of_fewer_pixels_than_frequencies_is_refused() -> None:
    match = "PictureDct: expected pictures of at least 8 x 8 pixels, got 6 x 20"
    with pytest.raises(ValueError, match=match):
        PictureDct()(Padded(torch.zeros(1, 1, 6, 20, 3, dtype=torch.uint8), torch.tensor([1])))
