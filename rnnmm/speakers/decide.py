"""The score at which strangers are accepted as often as the user states."""

from typing import NamedTuple

import numpy as np

from rnnmm.metrics.verification import Scores


class Threshold(NamedTuple):
    """Where an answer turns. value: accepted at or above it. is_extrapolated: too few trials for
    so small a rate, and so read off the fitted tail.
    """

    value: float
    is_extrapolated: bool


def threshold_at(scores: Scores, false_accept_rate: float) -> Threshold:
    """The score that a part of all strangers, not only of these, is expected to reach.

    Inside the data it is their quantile. Beyond the highest ``2 sqrt(I)`` of them, it follows an
    exponential tail fitted to these: rates smaller than one in I have an answer, too.

    Args:
        scores: ``(I,)`` at least one, finite: of each stranger's clip the best against all whom it
            could be taken for.
        false_accept_rate: that part, in (0, 1).

    Raises:
        ValueError: A rate out of range.

    Source:
        Pickands 1975, "Statistical inference using extreme order statistics", with shape 0, to
        which the tails of Gaussian-like scores tend.
    """
    rate = false_accept_rate
    if not 0 < rate < 1:
        raise ValueError(f"expected 0 < false_accept_rate < 1, got {rate}")
    ordered = np.sort(scores)[::-1]
    num_tail = min(int(np.ceil(2 * np.sqrt(len(ordered)))), len(ordered) - 1)
    tail_rate = num_tail / len(ordered)
    is_extrapolated = rate * len(ordered) < 1
    if rate >= tail_rate:
        return Threshold(float(np.quantile(ordered, 1 - rate)), is_extrapolated)
    start = np.quantile(ordered, 1 - tail_rate)
    excess = float((ordered[:num_tail] - start).mean())
    return Threshold(float(start + excess * np.log(tail_rate / rate)), is_extrapolated)
