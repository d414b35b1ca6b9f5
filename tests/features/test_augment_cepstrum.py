import math

import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.features.augment_cepstrum import CepstrumWarp


def sphinx_dct(mel: torch.Tensor) -> torch.Tensor:
    """``c[i] = 1/n sum_j m[j] cos(pi i (j + 1/2) / n)``, term by term."""
    n = len(mel)
    return torch.tensor(
        [sum(float(m) * math.cos(math.pi * i * (j + 0.5) / n) for j, m in enumerate(mel)) / n
         for i in range(n)]
    )  # fmt: skip


def test_a_factor_of_one_changes_nothing() -> None:
    x = Padded(torch.randn(2, 3, 13), torch.tensor([3, 2]))
    y = CepstrumWarp(1.0, 1.0)(x, torch.Generator())
    torch.testing.assert_close(y.data, x.zeroed().data, atol=1e-5, rtol=0)


def test_a_peak_moves_as_the_bands_do() -> None:
    mel = torch.zeros(10)
    mel[6] = 1.0
    x = Padded(sphinx_dct(mel)[None, None], torch.tensor([1]))
    y = CepstrumWarp(2.0, 2.0, num_mels=10)(x, torch.Generator())
    expected = sphinx_dct(torch.eye(10)[3])  # band 3 is read at band 6
    torch.testing.assert_close(y.data[0, 0], expected, atol=1e-5, rtol=0)


def test_each_utterance_has_its_own_factor_and_padding_stays_zero() -> None:
    x = Padded(torch.ones(2, 4, 13), torch.tensor([4, 2]))
    y = CepstrumWarp()(x, torch.Generator().manual_seed(1))
    assert not torch.allclose(y.data[0, 0], y.data[1, 0])
    assert not y.data[1, 2:].any()


def test_factors_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="CepstrumWarp"):
        CepstrumWarp(0.1, 1.0)
