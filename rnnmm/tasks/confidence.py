"""Confidence in words: what a model says, turned into how often it is right when it says so.

What a model says is the geometric mean of what it says of the word's symbols, see
`rnnmm.decode.alignment`. The log-odds of that, and a line through them, found on answers to the
validation split (Platt 1999), give the log-odds that the word is right: more sure stays more sure.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from rnnmm.decode.hypothesis import Span
from rnnmm.metrics.errors import align
from rnnmm.speakers.calibration import Calibration, fit_calibration, is_told_apart

_LEAST = 1e-4  # probabilities beyond it are not told apart: in float32 they are rounding


def word_confidence(spans: Sequence[Span]) -> float:
    """The geometric mean of what a model says of the symbols of a word, >= 1 of them."""
    product = math.prod(span.confidence for span in spans)
    return float(min(1.0, product) ** (1 / len(spans)))  # above 1 by rounding alone


def right_words(reference: str, hypothesis: str) -> list[bool]:
    """Of every word answered, whether it was asked for: a hit of the alignment."""
    edits = align(reference.split(), hypothesis.split())
    return [edit.op == "hit" for edit in edits if edit.hypothesis is not None]


def fit_confidence(said: Sequence[float], is_right: Sequence[bool]) -> Calibration | None:
    """The line from log-odds to log-odds that makes the answers most probable.

    Args:
        said: ``(I,)``, in [0, 1], by the model.
        is_right: ``(I,)``.

    Returns:
        None where it cannot be told: no word, or every word, is right, or the model is not the
        surer of words that are.
    """
    odds, right = _log_odds(said), np.asarray(is_right, dtype=bool)
    hits, misses = odds[right], odds[~right]
    if not len(hits) or not len(misses) or not is_told_apart(hits, misses):
        return None
    prior = float(right.mean())
    line = fit_calibration(hits, misses, prior)
    return Calibration(line.slope, line.intercept + float(logit(prior)))


def calibrated(said: Sequence[float], line: Calibration | None) -> list[float]:
    """How probable it is that ``(I,)`` words are right; what the model says, without a line."""
    return list(said) if line is None else list(map(float, expit(line(_log_odds(said)))))


def uncalibrated(confidences: Sequence[float], line: Calibration | None) -> list[float]:
    """What the model had said: the inverse of `calibrated`."""
    if line is None:
        return list(confidences)
    odds = (logit(np.asarray(confidences, np.float64)) - line.intercept) / line.slope
    return list(map(float, expit(odds)))


def _log_odds(probabilities: Sequence[float]) -> NDArray[np.float64]:
    inside = np.clip(np.asarray(probabilities, np.float64), _LEAST, 1 - _LEAST)
    odds: NDArray[np.float64] = logit(inside)
    return odds
