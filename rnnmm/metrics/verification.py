"""Same or different: how well scores of trials separate targets from nontargets.

Conventions
    A trial compares two sides; it is a target where both are one person. Scores are ``(I,)``
    float64, higher where more alike; a trial is accepted where its score is at or above the
    threshold, so trials of equal score are accepted or refused together. The miss rate is the
    share of targets refused, the false-accept rate the share of nontargets accepted.

    The equal error rate is that of the lower convex hull of the receiver operating characteristic:
    what the best system that may choose at random between two thresholds reaches. It exists for
    any number of trials, does not depend on how the curve is interpolated, and is the greatest
    error, over all priors, of the best threshold for that prior.

Source
    Brümmer and de Villiers, "The BOSARIS toolkit: theory, algorithms and code for surviving the
    new DCF", arXiv 1304.2865. Brümmer and du Preez, "Application-independent evaluation of speaker
    detection", Computer Speech and Language 20 (2006), for the cost of log-likelihood ratios.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

Scores = NDArray[np.float64]


class DetPoints(NamedTuple):
    """Every trade-off between misses and false accepts, by rising threshold.

    thresholds: ``(J + 1,)`` the J distinct scores, then infinity. miss_rates: ``(J + 1,)`` rising
    from 0 to 1. false_accept_rates: ``(J + 1,)`` falling from 1 to 0.
    """

    thresholds: Scores
    miss_rates: Scores
    false_accept_rates: Scores


def det_points(targets: Scores, nontargets: Scores) -> DetPoints:
    """The points of the detection error trade-off curve; its axes are usually probits of these.

    Args:
        targets: ``(I,)`` scores, at least one, none NaN.
        nontargets: ``(J,)`` likewise.

    Raises:
        ValueError: No scores on one side, more than one axis, or NaN among them.
    """
    levels, num_targets, num_nontargets = _counts(targets, nontargets)
    missed = _before(num_targets)
    refused = _before(num_nontargets)
    return DetPoints(np.append(levels, np.inf), missed / missed[-1], 1 - refused / refused[-1])


def hull_points(targets: Scores, nontargets: Scores, most: int | None = None) -> DetPoints:
    """Those of `det_points` that are corners of the lower convex hull, both ends among them.

    Args:
        targets: ``(I,)`` scores, at least one, none NaN.
        nontargets: ``(J,)`` likewise.
        most: >= 2, of more corners so many are kept, evenly; None: all.

    Raises:
        ValueError: As in `det_points`.
    """
    hull = _hull(targets, nontargets)
    missed, refused = _before(hull.num_targets), _before(hull.num_nontargets)
    num_kept = min(most or len(missed), len(missed))
    kept = np.linspace(0, len(missed) - 1, num_kept).round().astype(np.int64)
    levels, miss = np.append(hull.levels, np.inf), missed / missed[-1]
    return DetPoints(levels[kept], miss[kept], (1 - refused / refused[-1])[kept])


def eer(targets: Scores, nontargets: Scores) -> float:
    """The error rate where misses and false accepts are equally likely, on the convex hull.

    Args and errors as in `det_points`.

    Returns:
        In [0, 0.5]: 0 where a threshold separates all, 0.5 where no threshold helps (scores of the
        wrong sign included: the hull never falls below chance).
    """
    _, miss, accept = hull_points(targets, nontargets)
    gap = miss - accept  # rises strictly from -1 to 1
    return float(np.interp(0.0, gap, miss))


def min_dcf(
    targets: Scores, nontargets: Scores, p_target: float, c_miss: float = 1, c_fa: float = 1
) -> float:
    """The least detection cost over all thresholds, over that of the best constant answer.

    Args:
        targets: ``(I,)`` scores, at least one, none NaN.
        nontargets: ``(J,)`` likewise.
        p_target: how probable a target is, in (0, 1).
        c_miss: the cost of a miss, > 0.
        c_fa: the cost of a false accept, > 0.

    Returns:
        In [0, 1]; 1 is what refusing, or accepting, every trial costs.

    Raises:
        ValueError: As in `det_points`, or a prior or cost out of range.
    """
    if not (0 < p_target < 1 and 0 < c_miss < np.inf and 0 < c_fa < np.inf):
        raise ValueError(
            f"detection cost: expected 0 < p_target < 1 and costs > 0, got p_target={p_target}, "
            f"c_miss={c_miss}, c_fa={c_fa}"
        )
    points = det_points(targets, nontargets)
    miss_cost, accept_cost = c_miss * p_target, c_fa * (1 - p_target)
    costs = miss_cost * points.miss_rates + accept_cost * points.false_accept_rates
    return float(costs.min() / min(miss_cost, accept_cost))


def cllr(targets_llr: Scores, nontargets_llr: Scores) -> float:
    """The cost of log-likelihood ratios: bits lost, each side weighing half.

    Args:
        targets_llr: ``(I,)`` natural log-likelihood ratios, at least one, none NaN; infinite ones
            are allowed, and cost infinity where they are wrong.
        nontargets_llr: ``(J,)`` likewise.

    Returns:
        >= 0; 1 is what saying nothing (0 for every trial) costs.

    Raises:
        ValueError: As in `det_points`.
    """
    _check(targets_llr, nontargets_llr)
    miss = np.logaddexp(0, -targets_llr).mean()
    accept = np.logaddexp(0, nontargets_llr).mean()
    return float((miss + accept) / (2 * np.log(2)))


def min_cllr(targets: Scores, nontargets: Scores) -> float:
    """The least `cllr` that a rising function of the scores can reach.

    That function is found by pooling adjacent violators: the share of targets among neighbouring
    scores, as a log-likelihood ratio.

    Args and errors as in `det_points`.

    Returns:
        In [0, 1].
    """
    hull = _hull(targets, nontargets)
    with np.errstate(divide="ignore"):  # pools of targets alone, or of nontargets, are certain
        odds = np.log(hull.num_targets) - np.log(hull.num_nontargets)
    llrs = odds - np.log(len(targets) / len(nontargets))
    return cllr(np.repeat(llrs, hull.num_targets), np.repeat(llrs, hull.num_nontargets))


class _Counts(NamedTuple):
    """Trials at each of some rising levels: ``(J,)`` levels, targets, nontargets."""

    levels: Scores
    num_targets: NDArray[np.int64]
    num_nontargets: NDArray[np.int64]


def _counts(targets: Scores, nontargets: Scores) -> _Counts:
    _check(targets, nontargets)
    scores = np.concatenate([targets, nontargets])
    levels, places = np.unique(scores, return_inverse=True)
    num_targets = np.bincount(places[: len(targets)], minlength=len(levels))
    num_nontargets = np.bincount(places[len(targets) :], minlength=len(levels))
    return _Counts(levels, num_targets, num_nontargets)


def _hull(targets: Scores, nontargets: Scores) -> _Counts:
    """Pools of neighbouring scores whose share of targets rises: the segments of the hull."""
    counts = _counts(targets, nontargets)
    total = counts.num_targets + counts.num_nontargets
    shares = counts.num_targets / total
    starts = isotonic_regression(shares, weights=total).blocks[:-1]
    return _Counts(
        counts.levels[starts],
        np.add.reduceat(counts.num_targets, starts),
        np.add.reduceat(counts.num_nontargets, starts),
    )


def _before(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """``(J,)`` counts -> ``(J + 1,)`` how many lie before each level, and in all."""
    return np.concatenate([[0], np.cumsum(counts)])


def _check(targets: Scores, nontargets: Scores) -> None:
    for name, scores in (("target", targets), ("nontarget", nontargets)):
        if scores.ndim != 1 or not len(scores) or np.isnan(scores).any():
            what = "NaN" if np.isnan(scores).any() else f"shape {scores.shape}"
            raise ValueError(
                f"trials: expected (I,) {name} scores, at least one and none NaN, got {what}"
            )
