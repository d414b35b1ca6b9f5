import math

import numpy as np
import pytest

from rnnmm.decode.hypothesis import Span
from rnnmm.tasks.confidence import (
    calibrated,
    fit_confidence,
    right_words,
    uncalibrated,
    word_confidence,
)


def test_a_word_is_the_geometric_mean_of_its_symbols() -> None:
    assert word_confidence([Span(0, 1, 0.5)]) == 0.5
    assert word_confidence([Span(0, 1, 0.5), Span(1, 3, 1.0), Span(3, 4, 0.25)]) == 0.5
    assert word_confidence([Span(0, 1, 0.0), Span(1, 2, 1.0)]) == 0.0
    assert word_confidence([Span(0, 1, 1.0000001)]) == 1.0  # a rounded log-probability above 0


def test_words_are_right_where_the_alignment_hits() -> None:
    assert right_words("a b c", "a x c d") == [True, False, True, False]
    assert right_words("a b", "b") == [True]
    assert right_words("", "a") == [False]
    assert right_words("a", "") == []


def drawn(slope: float, intercept: float) -> tuple[list[float], list[bool]]:
    """Words that are right as often as a line through the log-odds says."""
    rng = np.random.default_rng(0)
    odds = rng.normal(1.5, 2, 20_000)
    chance = 1 / (1 + np.exp(-(slope * odds + intercept)))
    return (1 / (1 + np.exp(-odds))).tolist(), (rng.random(len(odds)) < chance).tolist()


@pytest.mark.parametrize(("slope", "intercept"), [(1.0, 0.0), (0.5, -1.0), (2.0, 1.0)])
def test_the_line_that_was_drawn_from_is_found(slope: float, intercept: float) -> None:
    line = fit_confidence(*drawn(slope, intercept))
    assert line is not None
    assert line.slope == pytest.approx(slope, rel=0.05)
    assert line.intercept == pytest.approx(intercept, abs=0.08)


def test_calibration_keeps_the_order_and_can_be_taken_back() -> None:
    said = [0.0, 0.001, 0.3, 0.9, 0.999, 1.0]
    line = fit_confidence(*drawn(0.5, -1.0))
    sure = calibrated(said, line)
    assert sure == sorted(sure) and all(0 <= one <= 1 for one in sure)
    # Beyond 1 in 10,000 nothing is told apart.
    assert uncalibrated(sure, line) == pytest.approx([1e-4, *said[1:-1], 1 - 1e-4])
    assert calibrated(said, None) == uncalibrated(said, None) == said
    assert calibrated([], line) == uncalibrated([], line) == []


@pytest.mark.parametrize(
    ("said", "is_right"),
    [
        ([], []),
        ([0.5, 0.6], [True, True]),
        ([0.5, 0.6], [False, False]),
        ([0.9, 0.1], [False, True]),
        ([0.5, 0.5], [False, True]),
        ([0.99999] + 7 * [0.99995], [True] + 7 * [False]),  # the same, as far as it can be told
    ],
)
def test_what_cannot_be_told_is_not_fitted(said: list[float], is_right: list[bool]) -> None:
    assert fit_confidence(said, is_right) is None


def test_one_wrong_word_gives_a_finite_line() -> None:
    line = fit_confidence([0.9] * 50 + [0.2], [True] * 50 + [False])
    assert line is not None and math.isfinite(line.slope) and line.slope > 0
    low, high = calibrated([0.2, 0.9], line)
    assert 0 < low < 0.5 < 0.9 < high < 1
