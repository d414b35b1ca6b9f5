"""How well scores tell what is out of the ordinary from what is not."""

import math

import numpy as np
from numpy.typing import NDArray

from rnnmm.metrics.verification import Scores, det_points


def roc_auc(scores: Scores, is_odd: NDArray[np.bool_]) -> float:
    """The area under the receiver operating characteristic: ties count half.

    Args:
        scores: ``(I,)`` higher where more likely odd, none NaN.
        is_odd: ``(I,)``.

    Returns:
        In 0..1, the probability that an odd one scores above another; 0.5 for scores that tell
        nothing; NaN where all are odd, or none is.
    """
    if is_odd.all() or not is_odd.any():
        return math.nan
    points = det_points(scores[is_odd], scores[~is_odd])
    return float(np.trapezoid((1 - points.miss_rates)[::-1], points.false_accept_rates[::-1]))
