import math

import numpy as np
import pytest

from rnnmm.metrics.summary import (
    Agreement,
    human_agreement,
    mean_agreement,
    rank_correlation,
    summary_f1,
)


def mask(bits: str) -> np.ndarray:
    return np.array([bit == "1" for bit in bits])


def test_f1_by_hand() -> None:
    users = np.stack([mask("110000"), mask("011110"), mask("000000")])
    # Hits 1 of 2 + 2, 2 of 2 + 4, none.
    figures = (2 * 1 / 4, 2 * 2 / 6, 0.0)
    assert summary_f1(mask("011000"), users, "mean") == pytest.approx(sum(figures) / 3)
    assert summary_f1(mask("011000"), users, "max") == pytest.approx(figures[1])
    assert summary_f1(mask("000000"), users[2:], "mean") == 0.0
    assert math.isnan(summary_f1(mask("011000"), users[:0], "max"))


def test_ranks_agree_disagree_or_say_nothing() -> None:
    assert rank_correlation(np.arange(5), np.arange(5) ** 2) == pytest.approx((1.0, 1.0))
    assert rank_correlation(np.arange(5), -np.arange(5)) == pytest.approx((-1.0, -1.0))
    # Of 3 pairs one is turned round; squared rank differences 0, 1, 1.
    expected = (1 / 3, 1 - 6 * 2 / (3 * 8))
    assert rank_correlation(np.array([1, 3, 2]), np.array([1, 2, 3])) == pytest.approx(expected)
    assert all(map(math.isnan, rank_correlation(np.ones(4), np.arange(4))))


def test_each_person_stands_against_all_others() -> None:
    users = np.stack([mask("1100"), mask("1100"), mask("0011")])
    told = human_agreement(users, "mean")
    assert told.f1 == pytest.approx((0.5 + 0.5 + 0.0) / 3)
    assert human_agreement(users, "max").f1 == pytest.approx(2 / 3)
    assert told.kendall_tau == pytest.approx(-1.0)  # of the third; the others' mean never changes
    assert all(map(math.isnan, human_agreement(users[:1], "mean")))


def test_the_mean_is_over_what_is_known() -> None:
    told = mean_agreement([Agreement(0.2, math.nan, 0.5), Agreement(0.4, math.nan, math.nan)])
    assert told.f1 == pytest.approx(0.3) and told.spearman_rho == 0.5
    assert math.isnan(told.kendall_tau)
