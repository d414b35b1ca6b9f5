"""Random parts of video frames hidden, as stored, ``(B, T, H, W, C)`` uint8."""

import math

import torch
from torch import Tensor

from rnnmm.batch import Padded
from rnnmm.domain import Fraction
from rnnmm.features.draw import check_range
from rnnmm.features.stage import Augmentation
from rnnmm.units import round_half_up

_MAX_ASPECT = 1 / 0.3


class RandomErasing(Augmentation):
    """Covers a part of the picture of some clips, one place and colour for all their frames.

    Args:
        probability: 0..1, of a clip being covered.
        low: 0.005..1, the smallest part, as a fraction of the area.
        high: low..1, the largest. A part is at most 3.3 times as wide as high, or as high as
            wide; what would be longer than the picture is cut.

    Raises:
        ValueError: Not ``0.005 <= low <= high <= 1``, or a probability not within 0..1.

    Source:
        Zhong et al. 2020, "Random erasing data augmentation", arXiv 1708.04896, with one random
        colour instead of noise.
    """

    def __init__(
        self, probability: Fraction = 0.5, low: Fraction = 0.02, high: Fraction = 0.33
    ) -> None:
        super().__init__()
        check_range("RandomErasing", low, high, 0.005, 1.0)
        if not 0 <= probability <= 1:
            raise ValueError(f"RandomErasing: expected 0 <= probability <= 1, got {probability:g}")
        self.probability = probability
        self.low = low
        self.high = high

    def forward(self, x: Padded, generator: torch.Generator) -> Padded:
        """``(B, T, H, W, C)`` uint8 -> the same shape."""
        batch, channels = len(x.data), x.data.shape[-1]
        chances = torch.rand(batch, 5, generator=generator, dtype=torch.float64).tolist()
        colours = torch.randint(0, 256, (batch, channels), generator=generator)
        colours = colours.byte().to(x.data.device, non_blocking=True)
        erased = torch.zeros_like(x.data)
        for to, clip, colour, (whether, *where) in zip(erased, x.rows(), colours, chances):
            to[: len(clip)] = clip
            if whether < self.probability:
                self._part(to[: len(clip)], *where)[:] = colour
        return x.with_data(erased)

    def _part(self, clip: Tensor, area: float, shape: float, down: float, right: float) -> Tensor:
        """The part that four numbers in 0..1 choose."""
        _, height, width, _ = clip.shape
        pixels = (self.low + (self.high - self.low) * area) * height * width
        stretch = _MAX_ASPECT ** (2 * shape - 1)  # height over width
        part_height = min(height, max(1, round_half_up(math.sqrt(pixels * stretch))))
        part_width = min(width, max(1, round_half_up(math.sqrt(pixels / stretch))))
        top, left = int(down * (height - part_height + 1)), int(right * (width - part_width + 1))
        return clip[:, top : top + part_height, left : left + part_width]
