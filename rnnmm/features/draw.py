"""Random parameters of augmentations, one row per utterance."""

import torch
from torch import Tensor

from rnnmm.units import round_half_up

SLOWEST, FASTEST = 0.5, 2.0  # beyond these, speech and motion are no longer what the label says


def check_range(name: str, low: float, high: float, least: float, most: float) -> None:
    """A range to draw from.

    Raises:
        ValueError: Not ``least <= low <= high <= most``.
    """
    if not least <= low <= high <= most:
        raise ValueError(
            f"{name}: expected {least:g} <= low <= high <= {most:g}, got {low:g} and {high:g}"
        )


def draw(generator: torch.Generator, batch: int, low: float, high: float) -> Tensor:
    """``(B,)`` float64, uniform in low..high: one number per utterance."""
    return low + (high - low) * torch.rand(batch, generator=generator, dtype=torch.float64)


def scaled_length(length: int, rate: float) -> int:
    """Steps that remain at ``rate`` times the speed; at least one, if there was one."""
    return max(min(length, 1), round_half_up(length / rate))
