"""Against sums over every threshold, every prior and every monotone pooling of tiny lists."""

import itertools
import math

import numpy as np
import pytest

from rnnmm.metrics.verification import cllr, det_points, eer, hull_points, min_cllr, min_dcf


def tiny(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Few scores on few levels, so that ties abound."""
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, 6, rng.integers(1, 6)) + rng.integers(0, 3)
    return targets.astype(float), rng.integers(0, 6, rng.integers(1, 6)).astype(float)


def rates(targets: np.ndarray, nontargets: np.ndarray) -> list[tuple[float, float]]:
    """(miss, false accept) at every threshold, by counting."""
    thresholds = [*sorted({*targets.tolist(), *nontargets.tolist()}), math.inf]
    return [
        (sum(t < level for t in targets) / len(targets),
         sum(n >= level for n in nontargets) / len(nontargets))
        for level in thresholds
    ]  # fmt: skip


@pytest.mark.parametrize("seed", range(40))
def test_det_points_are_counted(seed: int) -> None:
    targets, nontargets = tiny(seed)
    points = det_points(targets, nontargets)
    miss, accept = zip(*rates(targets, nontargets))
    assert points.miss_rates == pytest.approx(miss)
    assert points.false_accept_rates == pytest.approx(accept)
    assert points.thresholds[-1] == math.inf
    assert (np.diff(points.thresholds) > 0).all()


@pytest.mark.parametrize("seed", range(40))
def test_no_point_lies_below_the_hull_and_its_corners_are_points(seed: int) -> None:
    points = set(rates(*tiny(seed)))
    _, miss, accept = hull_points(*tiny(seed))
    corners = list(zip(miss.tolist(), accept.tolist()))
    assert all(any(corner == pytest.approx(point) for point in points) for corner in corners)
    assert corners[0] == (0, 1) and corners[-1] == (1, 0)
    for m, a in points:
        assert a >= np.interp(m, miss, accept) - 1e-12 or m in miss


def test_of_many_corners_some_are_kept() -> None:
    rng = np.random.default_rng(0)
    sides = rng.normal(1, 1, 3000), rng.normal(0, 1, 3000)
    every, some = hull_points(*sides), hull_points(*sides, most=7)
    assert len(every.thresholds) > len(some.thresholds) == 7
    assert {*zip(*some)} <= {*zip(*every)}
    assert next(zip(*some)) == next(zip(*every))
    assert some.thresholds[-1] == math.inf


@pytest.mark.parametrize("seed", range(40))
def test_eer_is_the_best_error_at_the_worst_prior(seed: int) -> None:
    targets, nontargets = tiny(seed)
    points = rates(targets, nontargets)
    lines = [(b, a - b) for a, b in points]  # error(p) = b + p (a - b)
    # The lower envelope of lines is highest where two of them meet, or at an end.
    priors = {0.0, 1.0}
    for (b1, s1), (b2, s2) in itertools.combinations(lines, 2):
        if s1 != s2 and 0 <= (p := (b2 - b1) / (s1 - s2)) <= 1:
            priors.add(p)
    worst = max(min(b + p * s for b, s in lines) for p in priors)
    assert eer(targets, nontargets) == pytest.approx(worst, abs=1e-12)


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("costs", [(0.5, 1, 1), (0.01, 1, 1), (0.2, 10, 1), (0.5, 1, 3)])
def test_min_dcf_tries_every_threshold(seed: int, costs: tuple[float, float, float]) -> None:
    targets, nontargets = tiny(seed)
    p, c_miss, c_fa = costs
    least = min(c_miss * p * m + c_fa * (1 - p) * a for m, a in rates(targets, nontargets))
    constant = min(c_miss * p, c_fa * (1 - p))
    assert min_dcf(targets, nontargets, *costs) == pytest.approx(least / constant)


def slow_cllr(targets: list[float], nontargets: list[float]) -> float:
    miss = sum(math.log2(1 + math.exp(-x)) for x in targets) / len(targets)
    return (miss + sum(math.log2(1 + math.exp(x)) for x in nontargets) / len(nontargets)) / 2


def test_cllr_by_hand() -> None:
    rng = np.random.default_rng(0)
    targets, nontargets = rng.normal(1, 2, 50), rng.normal(-1, 2, 70)
    expected = slow_cllr(targets.tolist(), nontargets.tolist())
    assert cllr(targets, nontargets) == pytest.approx(expected)
    assert cllr(np.zeros(3), np.zeros(5)) == pytest.approx(1)
    assert cllr(np.array([np.inf, 900.0]), np.array([-np.inf, -900.0])) == 0
    assert cllr(np.array([-np.inf]), np.array([-1.0])) == np.inf


@pytest.mark.parametrize("seed", range(40))
def test_min_cllr_tries_every_pooling(seed: int) -> None:
    targets, nontargets = tiny(seed)
    levels = sorted({*targets.tolist(), *nontargets.tolist()})
    prior = math.log(len(targets) / len(nontargets))
    best = math.inf
    for cuts in itertools.product([False, True], repeat=len(levels) - 1):
        pool = dict(zip(levels, itertools.accumulate([0, *map(int, cuts)])))
        llr = []
        for number in range(sum(cuts) + 1):
            t = sum(pool[x] == number for x in targets)
            n = sum(pool[x] == number for x in nontargets)
            llr.append(math.inf if not n else -math.inf if not t else math.log(t / n) - prior)
        if llr == sorted(llr):
            scores = [np.array([llr[pool[x]] for x in side]) for side in (targets, nontargets)]
            best = min(best, cllr(*scores))
    assert min_cllr(targets, nontargets) == pytest.approx(best, abs=1e-12)


def test_perfect_useless_and_inverted_scores() -> None:
    high, low = np.array([2.0, 3.0]), np.array([0.0, 1.0])
    assert eer(high, low) == min_dcf(high, low, 0.01) == min_cllr(high, low) == 0
    same = np.ones(4)
    for targets, nontargets in ((same, same), (low, high)):
        assert eer(targets, nontargets) == pytest.approx(0.5)
        assert min_dcf(targets, nontargets, 0.01) == pytest.approx(1)
        assert min_cllr(targets, nontargets) == pytest.approx(1)


def test_a_rising_function_of_the_scores_changes_nothing() -> None:
    rng = np.random.default_rng(1)
    targets, nontargets = rng.normal(1, 1, 200), rng.normal(0, 1, 300)
    for figure in (eer, min_cllr):
        assert figure(np.exp(targets), np.exp(nontargets)) == figure(targets, nontargets)
    assert min_cllr(targets, nontargets) <= cllr(targets, nontargets)


def test_gaussians_reach_their_known_rate() -> None:
    rng = np.random.default_rng(2)
    targets, nontargets = rng.normal(2, 1, 100_000), rng.normal(0, 1, 200_000)
    error = 0.5 * math.erfc(1 / math.sqrt(2))
    assert eer(targets, nontargets) == pytest.approx(error, abs=2e-3)


def test_what_cannot_be_scored_is_said() -> None:
    good = np.zeros(2)
    with pytest.raises(ValueError, match=r"\(I,\) target scores, at least one.*shape \(0,\)"):
        eer(np.zeros(0), good)
    with pytest.raises(ValueError, match=r"nontarget scores.*shape \(1, 2\)"):
        det_points(good, np.zeros((1, 2)))
    with pytest.raises(ValueError, match=r"nontarget scores.*got NaN"):
        cllr(good, np.array([np.nan]))
    for bad in ((0.0, 1, 1), (1.0, 1, 1), (0.5, 0, 1), (0.5, 1, -1), (0.5, math.inf, 1)):
        with pytest.raises(ValueError, match="0 < p_target < 1 and costs > 0"):
            min_dcf(good, good, *bad)
