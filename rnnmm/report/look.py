"""Where a model looked, word by word: as light on a photo, or along the time of a clip."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rnnmm.report import picture

_DARKEST = 0.2  # what is left of a photo where nobody looked


class Look(NamedTuple):
    """A word and the steps that it rests on.

    word: "" stands for the end. weights: ``(T, g, g)`` >= 0, of T steps in time with a grid of
    cells each.
    """

    word: str
    weights: NDArray[np.float32]

    @property
    def moments(self) -> list[float]:
        """``(T,)``: 0..1, how much of the word rests on each step in time, 1 for the most."""
        totals = self.weights.sum(axis=(1, 2))
        return (totals / max(float(totals.max()), 1e-9)).tolist()  # type: ignore[no-any-return]


def is_still(looks: Sequence[Look]) -> bool:
    """Whether all of it is one picture with cells to tell apart."""
    return bool(looks) and all(len(one.weights) == 1 < one.weights.shape[-1] for one in looks)


def light(frame: NDArray[np.uint8], weights: NDArray[np.float32], edge_px: int = 120) -> str:
    """A photo, bright where a model looked, as a JPEG address.

    Args:
        frame: ``(H, W, 3)`` uint8, RGB.
        weights: ``(g, g)`` >= 0, of the cells in reading order.
        edge_px: of the longer edge.
    """
    shown = Image.fromarray(frame)
    shown.thumbnail((edge_px, edge_px), Image.Resampling.LANCZOS)
    cells = Image.fromarray((weights / max(float(weights.max()), 1e-9)).astype(np.float32))
    bright = np.asarray(cells.resize(shown.size, Image.Resampling.BICUBIC)).clip(0, 1)  # (H, W)
    lit = np.asarray(shown) * (_DARKEST + (1 - _DARKEST) * bright[..., None])
    return picture.still(lit.round().astype(np.uint8))
