"""Boxes that follow an object: how well they lie on it.

Conventions
    A box is left, top, width, height, in any one unit. A frame in which nobody said where the
    object is (NaN) does not count. The success curve is the part of the frames whose overlap is
    above each of 21 thresholds from 0 to 1; its area is the mean over these, at most 20/21, as no
    overlap is above 1. Precision is the part whose centre is at most so many pixels off.

Source
    Wu et al. 2013, "Online object tracking: a benchmark" (OTB), section 4; here without the first
    frame, in which the box is given.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

_THRESHOLDS = np.arange(21) / 20


def overlaps(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.float64]:
    """Intersection over union of boxes ``(T, 4)`` each: ``(T,)`` 0..1, NaN where one is NaN."""
    a, b = np.asarray(one, np.float64), np.asarray(other, np.float64)
    low = np.maximum(a[:, :2], b[:, :2])
    high = np.minimum(a[:, :2] + a[:, 2:], b[:, :2] + b[:, 2:])
    shared = np.maximum(high - low, 0).prod(axis=1)
    whole = a[:, 2:].prod(axis=1) + b[:, 2:].prod(axis=1) - shared
    return shared / whole  # type: ignore[no-any-return]


def centre_errors(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.float64]:
    """How far the middles of boxes ``(T, 4)`` are apart: ``(T,)``, NaN where one is NaN."""
    a, b = np.asarray(one, np.float64), np.asarray(other, np.float64)
    middles = (a[:, :2] + a[:, 2:] / 2) - (b[:, :2] + b[:, 2:] / 2)
    return np.hypot(middles[:, 0], middles[:, 1])


def success_auc(overlap: NDArray[Any]) -> float:
    """The area under the success curve of ``(T,)`` overlaps; NaN where none is known."""
    known = overlap[~np.isnan(overlap)]
    if not len(known):
        return math.nan
    return float((known[:, None] > _THRESHOLDS).mean())


def precision(error_px: NDArray[Any], at_px: float = 20.0) -> float:
    """The part of ``(T,)`` centre errors that are at most so large; NaN where none is known."""
    known = error_px[~np.isnan(error_px)]
    return float((known <= at_px).mean()) if len(known) else math.nan
