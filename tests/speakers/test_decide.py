import numpy as np
import pytest

from rnnmm.speakers.decide import threshold_at


@pytest.mark.parametrize("rate", [0.3, 0.1, 0.02, 0.005, 0.001])
@pytest.mark.parametrize("kind", ["normal", "exponential"])
def test_a_quantile_holds_for_scores_not_seen(rate: float, kind: str) -> None:
    rng = np.random.default_rng(0)
    fresh = getattr(rng, f"standard_{kind}")(400_000)
    reached = [
        (fresh >= threshold_at(getattr(rng, f"standard_{kind}")(1000), rate).value).mean()
        for _ in range(20)
    ]
    assert np.mean(reached) == pytest.approx(rate, rel=0.5)


def test_inside_the_data_it_is_their_quantile() -> None:
    scores = np.arange(100.0)
    assert threshold_at(scores, 0.5) == (pytest.approx(49.5), False)
    assert threshold_at(scores, 0.05).value > threshold_at(scores, 0.2).value
    assert not threshold_at(scores, 0.02).is_extrapolated
    assert threshold_at(scores, 0.002).is_extrapolated
    assert threshold_at(scores, 1e-6).value > 99
    assert threshold_at(np.ones(1), 0.01) == (1, True)


@pytest.mark.parametrize("num_strangers", [2, 5, 10, 20, 200])
def test_thresholds_rise_as_the_rate_falls(num_strangers: int) -> None:
    scores = np.random.default_rng(1).normal(size=num_strangers)
    values = [threshold_at(scores, rate).value for rate in np.geomspace(1e-5, 0.9, 200)]
    assert (np.diff(values) <= 1e-9).all()


@pytest.mark.parametrize("rate", [0, 1, -0.1, float("nan")])
def test_rates_out_of_range_are_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="expected 0 < false_accept_rate < 1"):
        threshold_at(np.zeros(3), rate)
