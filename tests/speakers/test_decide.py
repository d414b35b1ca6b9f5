import itertools

import numpy as np
import pytest

from rnnmm.speakers.decide import choose, threshold_at, upper_quantile


@pytest.mark.parametrize("rate", [0.3, 0.1, 0.02, 0.005, 0.001])
@pytest.mark.parametrize("kind", ["normal", "exponential"])
def test_a_quantile_holds_for_scores_not_seen(rate: float, kind: str) -> None:
    rng = np.random.default_rng(0)
    fresh = getattr(rng, f"standard_{kind}")(400_000)
    reached = [
        (fresh >= upper_quantile(getattr(rng, f"standard_{kind}")(1000), rate).value).mean()
        for _ in range(20)
    ]
    assert np.mean(reached) == pytest.approx(rate, rel=0.5)


def test_inside_the_data_it_is_their_quantile() -> None:
    scores = np.arange(100.0)
    assert upper_quantile(scores, 0.5) == (pytest.approx(49.5), False)
    assert upper_quantile(scores, 0.05).value > upper_quantile(scores, 0.2).value
    assert not upper_quantile(scores, 0.02).is_extrapolated
    assert upper_quantile(scores, 0.002).is_extrapolated
    assert upper_quantile(scores, 1e-6).value > 99
    assert upper_quantile(np.ones(1), 0.01).value == 1


def test_thresholds_rise_as_the_rate_falls() -> None:
    scores = np.random.default_rng(1).normal(size=200)
    values = [upper_quantile(scores, rate).value for rate in np.geomspace(1e-5, 0.9, 200)]
    assert (np.diff(values) <= 1e-9).all()


@pytest.mark.parametrize("num_people", [1, 4, 9, 30])
def test_strangers_are_accepted_as_often_as_stated(num_people: int) -> None:
    """Measured on ten others; held against books of up to three times as many people."""
    rng = np.random.default_rng(2)
    nontargets = rng.normal(size=(600, 10))
    fresh = rng.normal(size=(20_000, num_people)).max(axis=1)
    for rate in (0.2, 0.05, 0.02):
        limit = threshold_at(nontargets, num_people, rate).value
        assert (fresh >= limit).mean() == pytest.approx(rate, rel=0.35)


def test_scores_that_hang_together_are_measured_as_they_are() -> None:
    """A clip that suits everybody: against many it scores hardly more than against one."""
    rng = np.random.default_rng(3)

    def draw(num_clips: int) -> np.ndarray:
        return 3 * rng.normal(size=(num_clips, 1)) + 0.3 * rng.normal(size=(num_clips, 8))

    limit = threshold_at(draw(1000), 8, 0.05).value
    assert (draw(20_000).max(axis=1) >= limit).mean() == pytest.approx(0.05, rel=0.35)


def test_hands_are_of_different_people() -> None:
    nontargets = np.array([[0.0, 1.0, 2.0, 3.0]])
    bests = {threshold_at(nontargets, 2, 0.5, seed).value for seed in range(30)}
    pairs = [{a, b} for a, b in itertools.combinations(range(4), 2)]
    expected = {(max(pair) + max({0, 1, 2, 3} - pair)) / 2 for pair in pairs}
    assert bests == expected


@pytest.mark.parametrize("rate", [0, 1, -0.1, float("nan")])
def test_rates_out_of_range_are_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="expected 0 < false_accept_rate < 1"):
        threshold_at(np.zeros((3, 2)), 1, rate)


def test_the_most_probable_of_those_who_pass() -> None:
    assert choose(np.array([1.0, 3.0, 2.0]), np.array([0.0, 4.0, 0.0])) == (2, 1)
    assert choose(np.array([1.0, 3.0]), np.array([2.0, 4.0])) == (None, 1)
    assert choose(np.array([4.0]), np.array([4.0])) == (0, 0)
