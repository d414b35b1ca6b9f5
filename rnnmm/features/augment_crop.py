"""Random parts of video frames as stored, ``(B, T, H, W, C)`` uint8."""

import math

import torch
from torch import Tensor

from rnnmm.batch import Padded
from rnnmm.features.draw import check_range
from rnnmm.features.frames import resize_frames
from rnnmm.features.stage import Augmentation
from rnnmm.units import round_half_up


class RandomCrop(Augmentation):
    """Shows a random part of the picture in full size, by bilinear interpolation.

    One part is drawn for all frames of a clip: its area first, then its shape, then its place.

    Args:
        low: 0.05..1, the smallest part, as a fraction of the area.
        high: low..1, the largest.
        max_aspect: 1..2, how many times wider or narrower than the whole a part may look; 1
            keeps all shapes.

    Raises:
        ValueError: Not ``0.05 <= low <= high <= 1``, or not ``1 <= max_aspect <= 2``.

    Source:
        Szegedy et al. 2015, arXiv 1409.4842, section 6.
    """

    def __init__(self, low: float = 0.35, high: float = 1.0, max_aspect: float = 4 / 3) -> None:
        super().__init__()
        check_range("RandomCrop", low, high, 0.05, 1.0)
        if not 1 <= max_aspect <= 2:
            raise ValueError(f"RandomCrop: expected 1 <= max_aspect <= 2, got {max_aspect:g}")
        self.low = low
        self.high = high
        self.max_aspect = max_aspect

    def forward(self, x: Padded, generator: torch.Generator) -> Padded:
        """``(B, T, H, W, C)`` uint8 -> the same shape."""
        chances = torch.rand(len(x.data), 4, generator=generator, dtype=torch.float64).tolist()
        cropped = torch.zeros_like(x.data)
        for to, clip, chance in zip(cropped, x.rows(), chances):
            to[: len(clip)] = resize_frames(self._part(clip, *chance), *clip.shape[1:3])
        return x.with_data(cropped)

    def _part(self, clip: Tensor, area: float, shape: float, down: float, right: float) -> Tensor:
        """The part that four numbers in 0..1 choose."""
        _, height, width, _ = clip.shape
        side = math.sqrt(self.low + (self.high - self.low) * area)
        stretch = math.sqrt(self.max_aspect) ** (2 * shape - 1)
        part_height = min(height, max(1, round_half_up(height * side / stretch)))
        part_width = min(width, max(1, round_half_up(width * side * stretch)))
        top, left = int(down * (height - part_height + 1)), int(right * (width - part_width + 1))
        return clip[:, top : top + part_height, left : left + part_width]
