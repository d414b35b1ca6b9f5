import numpy as np
import pytest
import scipy.fft
import torch

from rnnmm.batch import Padded
from rnnmm.features.augment_cepstra import CepstralWarp


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def cepstra(steps: int, seed: int = 0) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    return torch.tensor(rng.standard_normal((steps, 13)), dtype=torch.float32)


def test_bands_are_read_at_the_factor() -> None:
    x = cepstra(3)
    warped = CepstralWarp(0.9, 0.9)(Padded.stack([x]), generator()).data[0]
    # The smooth spectrum behind 13 coefficients, on many more bands than the augmentation uses.
    fine = scipy.fft.idct(np.pad(x.numpy(), ((0, 0), (0, 6387))), norm="ortho")
    bands = (np.arange(64) + 0.5) * 100
    read = np.stack([np.interp(bands * 0.9, np.arange(6400) + 0.5, row) for row in fine])
    expected = scipy.fft.dct(read * 10, norm="ortho")[:, :13]
    np.testing.assert_allclose(warped.numpy(), expected, atol=0.02)


def test_a_factor_of_one_changes_nothing_and_a_level_is_kept() -> None:
    x = Padded.stack([cepstra(5), cepstra(2, 1)])
    same = CepstralWarp(1.0, 1.0)(x, generator())
    torch.testing.assert_close(same.data, x.data, atol=1e-5, rtol=0)
    flat = torch.zeros(1, 4, 13)
    flat[..., 0] = 3.0
    kept = CepstralWarp(0.8, 1.2)(Padded(flat, torch.tensor([4])), generator())
    torch.testing.assert_close(kept.data, flat, atol=1e-5, rtol=0)


def test_each_utterance_has_a_factor_of_its_own_and_padding_stays_out() -> None:
    row = cepstra(4)
    data = torch.full((2, 6, 13), torch.nan)
    data[:, :4] = row
    y = CepstralWarp()(Padded(data, torch.tensor([4, 4])), generator())
    assert not y.data[:, 4:].any()
    assert not torch.allclose(y.data[0, :4], y.data[1, :4], atol=1e-3)
    alone = CepstralWarp()(Padded.stack([row]), generator())
    torch.testing.assert_close(y.data[:1, :4], alone.data)


def test_bad_ranges() -> None:
    with pytest.raises(ValueError, match=r"CepstralWarp: expected 0\.5 <= low <= high <= 2, got"):
        CepstralWarp(1.1, 0.9)
