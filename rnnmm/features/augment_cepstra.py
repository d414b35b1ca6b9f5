"""Random changes of cepstral coefficients as they are stored."""

import math

import torch
from torch import Tensor

from rnnmm.batch import Padded
from rnnmm.features.draw import FASTEST, SLOWEST, check_range, draw
from rnnmm.features.stage import Augmentation

_BANDS = 64  # on which a spectrum is drawn between two transforms; more change nothing


class CepstralWarp(Augmentation):
    """Stretches the frequency axis behind cepstra, as a longer or shorter vocal tract does.

    The cepstra say how smooth log-mel bands look: band f of the output is read at ``f * factor``,
    beyond the last at the last. The factor is one for the whole utterance. That is one matrix for
    each utterance, so that deltas may be taken before or after.

    Args:
        low: 0.5..2, the smallest factor; below 1 the formants move up.
        high: low..2, the largest factor.

    Raises:
        ValueError: Not ``0.5 <= low <= high <= 2``.

    Source: Jaitly and Hinton 2013, "Vocal tract length perturbation improves speech recognition";
        as a linear transform of cepstra: Pitz and Ney 2005, section IV.
    """

    def __init__(self, low: float = 0.9, high: float = 1.1) -> None:
        super().__init__()
        check_range("CepstralWarp", low, high, SLOWEST, FASTEST)
        self.low = low
        self.high = high

    def forward(self, x: Padded, generator: torch.Generator) -> Padded:
        """``(B, T, F)`` coefficients of an orthonormal DCT-II from the zeroth on; float32."""
        factors = draw(generator, len(x.data), self.low, self.high)
        matrices = _warps(factors, x.data.shape[2]).to(x.data.device, non_blocking=True)
        with torch.autocast(x.data.device.type, enabled=False):
            return x.with_data(torch.bmm(x.zeroed().data.float(), matrices))


def _warps(factors: Tensor, num_coefficients: int) -> Tensor:
    """``(B, F, F)`` float32, for products from the right: coefficients to warped ones."""
    bands = torch.arange(_BANDS, dtype=torch.float64) + 0.5
    read = (bands * factors[:, None]).clamp(max=_BANDS - 0.5)  # (B, bands)
    drawn = _cosines(read, num_coefficients)  # (B, bands, F): the spectrum of each coefficient
    return (drawn.transpose(1, 2) @ _cosines(bands, num_coefficients)).float()


def _cosines(places: Tensor, num_coefficients: int) -> Tensor:
    """``(..., P)`` places among the bands -> ``(..., P, F)``, the orthonormal DCT-II there."""
    orders = torch.arange(num_coefficients, dtype=torch.float64)
    cosines = torch.cos(math.pi / _BANDS * places[..., None] * orders) * math.sqrt(2 / _BANDS)
    cosines[..., 0] *= math.sqrt(0.5)
    return cosines
