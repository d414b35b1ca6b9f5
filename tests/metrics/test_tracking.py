import math

import numpy as np
import pytest

from rnnmm.metrics.tracking import centre_errors, overlaps, precision, success_auc

NOBODY = [np.nan] * 4


def test_overlaps_by_hand() -> None:
    truth = np.array([[0, 0, 4, 2]] * 5 + [NOBODY])
    answer = np.array(
        [[0, 0, 4, 2], [2, 0, 4, 2], [2, 1, 4, 2], [4, 0, 4, 2], [1, 0, 2, 2], [0] * 4]
    )
    found = overlaps(answer, truth)
    assert found[:5] == pytest.approx([1, 4 / 12, 2 / 14, 0, 0.5])
    assert math.isnan(found[5])
    np.testing.assert_array_equal(found, overlaps(truth, answer))


def test_overlaps_are_those_of_counted_pixels() -> None:
    rng = np.random.default_rng(0)
    boxes = rng.integers(1, 12, (40, 2, 4))
    pixels = np.zeros((40, 2, 24, 24), bool)
    for pair, masks in zip(boxes, pixels):
        for (x, y, width, height), mask in zip(pair, masks):
            mask[y : y + height, x : x + width] = True
    shared = pixels.all(axis=1).sum(axis=(1, 2)) / pixels.any(axis=1).sum(axis=(1, 2))
    assert overlaps(boxes[:, 0], boxes[:, 1]) == pytest.approx(shared)


def test_the_success_curve_has_21_thresholds() -> None:
    assert success_auc(np.array([1.0, np.nan])) == pytest.approx(20 / 21)
    assert success_auc(np.array([0.0])) == 0.0
    # Above 0, .05, ..., .45; and above 0 alone.
    assert success_auc(np.array([0.5, 0.05])) == pytest.approx((10 + 1) / 2 / 21)
    assert math.isnan(success_auc(np.array([np.nan])))


def test_precision_counts_what_is_near() -> None:
    truth = np.array([[0, 0, 10, 10]] * 3 + [NOBODY])
    answer = np.array([[20, 0, 10, 10], [12, 17, 10, 10], [-5, -5, 20, 20], [0, 0, 1, 1]])
    errors = centre_errors(answer, truth)
    assert errors[:3] == pytest.approx([20, math.hypot(12, 17), 0])
    assert precision(errors) == pytest.approx(2 / 3) and precision(errors, 1) == pytest.approx(
        1 / 3
    )
    assert math.isnan(precision(errors[3:]))
