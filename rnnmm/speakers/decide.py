"""From scores to answers, at a rate of false accepts that the user states."""

from typing import NamedTuple

import numpy as np

from rnnmm.metrics.verification import Scores


class Threshold(NamedTuple):
    """Where an answer turns. value: accepted at or above it. is_extrapolated: too few trials for
    so small a rate, and so read off the fitted tail.
    """

    value: float
    is_extrapolated: bool


def threshold_at(
    nontargets: Scores, num_people: int, false_accept_rate: float, seed: int = 0
) -> Threshold:
    """The score at which a stranger, tried against so many people, is seldom enough accepted.

    A stranger's best score against many is higher than against one. It is measured: each clip's
    scores are dealt into hands of ``num_people`` and the best of each hand kept. Where there are
    not so many people to deal, hands are of all of them, and the rate is shared out as if further
    ones were independent.

    Args:
        nontargets: ``(J, M)`` scores of J clips against M people who do not speak in them.
        num_people: >= 1, whom one clip is tried against: 1 to verify, all to identify.
        false_accept_rate: of strangers accepted as anybody, in (0, 1).
        seed: of the dealing.

    Raises:
        ValueError: A rate out of range.
    """
    if not 0 < false_accept_rate < 1:
        raise ValueError(f"expected 0 < false_accept_rate < 1, got {false_accept_rate}")
    num_others = nontargets.shape[1]
    size = min(num_people, num_others)
    dealt = np.random.default_rng(seed).permuted(nontargets, axis=1)
    hands = dealt[:, : num_others // size * size].reshape(len(nontargets), -1, size)
    rate = 1 - (1 - false_accept_rate) ** (size / num_people)
    return upper_quantile(hands.max(axis=2).ravel(), rate)


def upper_quantile(scores: Scores, rate: float) -> Threshold:
    """The score that a fraction ``rate`` of all, not only of these, is expected to reach.

    Inside the data it is their quantile. Beyond the highest ``2 sqrt(I)`` of them, it follows an
    exponential tail fitted to these: rates smaller than one in I have an answer, too.

    Args:
        scores: ``(I,)`` at least one, finite.
        rate: in (0, 1).

    Source:
        Pickands 1975, "Statistical inference using extreme order statistics", with shape 0, to
        which the tails of Gaussian-like scores tend.
    """
    ordered = np.sort(scores)[::-1]
    num_tail = min(int(np.ceil(2 * np.sqrt(len(ordered)))), len(ordered) - 1)
    tail_rate = num_tail / len(ordered)
    if rate >= tail_rate:
        return Threshold(float(np.quantile(ordered, 1 - rate)), False)
    start = ordered[num_tail]
    excess = float((ordered[:num_tail] - start).mean())
    return Threshold(float(start + excess * np.log(tail_rate / rate)), rate * len(ordered) < 1)


class Choice(NamedTuple):
    """Who it is. person: a place, None: unknown. nearest: that of the most probable person."""

    person: int | None
    nearest: int


def choose(llrs: Scores, thresholds: Scores) -> Choice:
    """The person whose threshold is passed, the most probable of several.

    Args:
        llrs: ``(E,)`` of one clip against each person, at least one.
        thresholds: ``(E,)`` of each person, in the same unit.
    """
    nearest = int(np.argmax(llrs))
    passed = np.where(llrs >= thresholds, llrs, -np.inf)
    best = int(np.argmax(passed))
    return Choice(best if np.isfinite(passed[best]) else None, nearest)
