import json
import math

import numpy as np
import pytest

from rnnmm.metrics.verification import cllr, min_cllr
from rnnmm.speakers.calibration import Calibration, fit_calibration


def gaussians(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(3, 1, count), rng.normal(1, 1, 2 * count)


@pytest.mark.parametrize("prior", [0.5, 0.1])
def test_gaussian_scores_get_their_true_log_ratios(prior: float) -> None:
    # log N(s; 3, 1) - log N(s; 1, 1) = 2 s - 4
    line = fit_calibration(*gaussians(20_000), prior)
    assert line.slope == pytest.approx(2, rel=0.03)
    assert line.intercept == pytest.approx(-4, rel=0.03)


def test_no_other_line_costs_less() -> None:
    targets, nontargets = gaussians(3000)
    line = fit_calibration(targets, nontargets)
    least = cllr(line(targets), line(nontargets))
    for slope in (0.95, 1.05):
        for shift in (-0.1, 0.1):
            other = Calibration(line.slope * slope, line.intercept + shift)
            assert cllr(other(targets), other(nontargets)) > least - 1e-5
    assert min_cllr(targets, nontargets) <= least <= min_cllr(targets, nontargets) + 0.02


def test_it_depends_neither_on_scale_nor_on_repetition() -> None:
    targets, nontargets = gaussians(2000)
    line = fit_calibration(targets, nontargets)
    moved = fit_calibration(1000 * targets + 5, 1000 * nontargets + 5)
    assert moved(1000 * targets + 5) == pytest.approx(line(targets), abs=1e-2)
    more = fit_calibration(targets, np.tile(nontargets, 5))
    assert (more.slope, more.intercept) == pytest.approx((line.slope, line.intercept), rel=0.01)


def test_scores_without_an_error_get_finite_ratios() -> None:
    line = fit_calibration(np.array([2.0, 3.0]), np.array([0.0, 1.0]))
    assert math.isfinite(line.slope) and line.slope > 0
    assert line(np.array(2.0)) > 0 > line(np.array(1.0))


def test_json_round_trip() -> None:
    line = Calibration(1.25, -0.1)
    assert Calibration.from_json(line.to_json()) == line


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"schema": 2}, "expected a slope and an intercept, got schema 2"),
        ({"slope": "steep"}, "expected a slope and an intercept, got could not"),
        ({"slope": -1.0}, r"expected a slope > 0 .* got -1\.0 and 0\.0"),
        ({"intercept": math.inf}, r"finite intercept, got 1\.0 and inf"),
    ],
)
def test_json_that_is_none_is_refused(change: dict, reason: str) -> None:
    fields = {"schema": 1, "slope": 1.0, "intercept": 0.0}
    with pytest.raises(ValueError, match=reason):
        Calibration.from_json(json.dumps(fields | change))
    with pytest.raises(ValueError, match="expected a slope and an intercept"):
        Calibration.from_json("[]")


def test_what_cannot_be_calibrated_is_said() -> None:
    targets, nontargets = gaussians(10)
    with pytest.raises(ValueError, match="expected 0 < prior < 1, got 1"):
        fit_calibration(targets, nontargets, 1)
    with pytest.raises(ValueError, match=r"\(I,\) finite target scores, got shape \(0,\)"):
        fit_calibration(np.zeros(0), nontargets)
    with pytest.raises(ValueError, match="finite nontarget scores, got others"):
        fit_calibration(targets, np.array([math.inf]))
    with pytest.raises(ValueError, match="expected higher scores for targets"):
        fit_calibration(nontargets, targets)


def test_scores_that_are_equal_tell_nothing() -> None:
    for score in (0.3, 0.1, -7e8, 0.0):
        with pytest.raises(ValueError, match="expected higher scores for targets"):
            fit_calibration(np.full(7, score), np.full(3, score))


@pytest.mark.parametrize("prior", [1e-4, 1e-3, 0.999])
def test_no_other_line_costs_less_where_one_side_is_rare(prior: float) -> None:
    targets, nontargets = np.append(gaussians(150)[0], 900.0), gaussians(300, 1)[1]
    line = fit_calibration(targets, nontargets, prior)
    odds = math.log(prior / (1 - prior))

    def loss(slope: float, intercept: float) -> float:
        said = [slope * scores + intercept + odds for scores in (targets, nontargets)]
        wanted = (len(targets) + 1) / (len(targets) + 2), 1 / (len(nontargets) + 2)
        weights = prior, 1 - prior
        return sum(
            weight * float(np.mean(np.logaddexp(0, logits) - want * logits))
            for weight, logits, want in zip(weights, said, wanted, strict=True)
        )

    least = loss(line.slope, line.intercept)
    for factor in (0.9, 0.99, 1.01, 1.1):
        for shift in (-0.1, -0.01, 0.01, 0.1):
            assert loss(line.slope * factor, line.intercept + shift) > least
