"""Reliability: are answers of confidence .8 right eight times in ten?

Conventions
    A confidence is the probability, in [0, 1], that an answer is right. Answers are sorted into
    bins of equal width, so that no order of the answers and no other answer moves one of them. The
    expected calibration error is the distance between mean confidence and the part that is right,
    over the bins, weighted by their answers. Who gives every answer the same confidence, the part
    that is right, has an error of 0 and says nothing: read it beside the error rate.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_NUM_BINS = 15


class Bin(NamedTuple):
    """Answers of about one confidence.

    answers: how many, >= 1. confidence: their mean. right: the part of them that is.
    """

    answers: int
    confidence: float
    right: float


def reliability_bins(
    confidences: Sequence[float], is_right: Sequence[bool], num_bins: int = _NUM_BINS
) -> tuple[Bin, ...]:
    """The bins that hold answers, least confident first.

    Args:
        confidences: ``(I,)``, in [0, 1].
        is_right: ``(I,)``.
        num_bins: of equal width; each holds its lower end, the last one its upper end too.
    """
    sure, right = np.asarray(confidences, np.float64), np.asarray(is_right, np.float64)
    places = np.minimum((sure * num_bins).astype(np.int64), num_bins - 1)
    members = [places == place for place in np.unique(places)]
    return tuple(
        Bin(int(own.sum()), float(sure[own].mean()), float(right[own].mean())) for own in members
    )


def calibration_error(bins: Sequence[Bin]) -> float:
    """The expected calibration error; NaN where nothing was answered.

    Source:
        Naeini et al. 2015, "Obtaining well calibrated probabilities using Bayesian binning"; Guo
        et al. 2017, arXiv 1706.04599.
    """
    total = sum(one.answers for one in bins)
    if not total:
        return math.nan
    return sum(one.answers * abs(one.confidence - one.right) for one in bins) / total
