"""Augmentation of stored cepstral coefficients."""

import math

import torch
from torch import Tensor

from rnnmm.batch import Padded
from rnnmm.features.draw import FASTEST, SLOWEST, check_range, draw
from rnnmm.features.stage import Augmentation


class CepstrumWarp(Augmentation):
    """Imitates longer and shorter vocal tracts on coefficients whose spectrum is gone.

    The coefficients are spread over mel bands, the bands read at ``band * factor`` by linear
    interpolation, and the cosine transform taken again: one small matrix per utterance.

    Args:
        low: 0.5..2, the smallest factor; below 1 the formants move up.
        high: low..2, the largest.
        num_mels: bands in between, at least as many as coefficients.

    Raises:
        ValueError: Not ``0.5 <= low <= high <= 2``.

    Source: after the vocal tract length perturbation of Jaitly & Hinton 2013, on CMU Sphinx's
        ``c[i] = 1/n sum_j m[j] cos(pi i (j + 1/2) / n)``.
    """

    def __init__(self, low: float = 0.9, high: float = 1.1, num_mels: int = 40) -> None:
        super().__init__()
        check_range("CepstrumWarp", low, high, SLOWEST, FASTEST)
        self.low = low
        self.high = high
        self.num_mels = num_mels

    def forward(self, x: Padded, generator: torch.Generator) -> Padded:
        """``(B, T, F)`` coefficients, the zeroth first -> the same shape, float32."""
        batch, _, num_coefficients = x.data.shape
        factors = draw(generator, batch, self.low, self.high)
        cosines = self._cosines(num_coefficients)  # (F, M)
        scale = torch.where(torch.arange(num_coefficients) > 0, 2.0, 1.0)[:, None]
        warp = self._warp(factors)  # (B, M, M)
        matrices = (scale * cosines) @ warp @ cosines.T / self.num_mels  # (B, F, F)
        data = torch.bmm(x.zeroed().data.float(), matrices.float().to(x.data.device))
        return x.with_data(data).zeroed()

    def _cosines(self, num_coefficients: int) -> Tensor:
        order = torch.arange(num_coefficients, dtype=torch.float64)[:, None]
        band = torch.arange(self.num_mels, dtype=torch.float64)
        return torch.cos(math.pi * order * (band + 0.5) / self.num_mels)

    def _warp(self, factors: Tensor) -> Tensor:
        """``(B, M, M)``: column m holds the weights with which band m is read."""
        band = torch.arange(self.num_mels, dtype=torch.float64)
        places = (band * factors.double()[:, None]).clamp(max=self.num_mels - 1)  # (B, M)
        return (1 - (band[:, None] - places[:, None, :]).abs()).clamp(min=0)
