import math
import random

import pytest

from rnnmm.metrics.reliability import Bin, calibration_error, reliability_bins


def slow_error(confidences: list[float], is_right: list[bool], num_bins: int) -> float:
    """The definition, read aloud: |mean confidence - accuracy| of each bin, by its share."""
    error = 0.0
    for bin_index in range(num_bins):
        low, high = bin_index / num_bins, (bin_index + 1) / num_bins
        is_last = bin_index == num_bins - 1
        own = [
            (sure, right)
            for sure, right in zip(confidences, is_right)
            if low <= sure < high or (is_last and sure == 1.0)
        ]
        if own:
            mean = sum(sure for sure, _ in own) / len(own)
            accuracy = sum(right for _, right in own) / len(own)
            error += len(own) / len(confidences) * abs(mean - accuracy)
    return error


@pytest.mark.parametrize("num_bins", [1, 4, 8, 16])  # ends that floats hold exactly
def test_the_error_is_the_definition_in_any_order(num_bins: int) -> None:
    draw = random.Random(num_bins)
    pairs = [(draw.choice([0.0, 0.5, 1.0, draw.random()]), draw.random() < 0.7) for _ in range(99)]
    for _ in range(3):
        sure, right = map(list, zip(*pairs))
        bins = reliability_bins(sure, right, num_bins)
        assert calibration_error(bins) == pytest.approx(slow_error(sure, right, num_bins))
        assert sum(one.answers for one in bins) == 99
        draw.shuffle(pairs)


def test_bins_say_what_is_in_them() -> None:
    bins = reliability_bins([0.1, 0.3, 1.0, 0.9], [False, True, True, False], 4)
    assert bins == (Bin(1, 0.1, 0.0), Bin(1, 0.3, 1.0), Bin(2, pytest.approx(0.95), 0.5))


def test_anchors() -> None:
    always = [True] * 6 + [False] * 4
    assert calibration_error(reliability_bins([0.6] * 10, always)) == pytest.approx(0)
    assert calibration_error(reliability_bins([1.0] * 10, always)) == pytest.approx(0.4)
    assert calibration_error(reliability_bins([0.0, 1.0], [True, False])) == 1
    assert math.isnan(calibration_error(reliability_bins([], [])))
