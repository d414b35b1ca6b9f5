"""How far a figure would move on other test items of the same kind."""

import math
from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Interval(NamedTuple):
    """A confidence interval: low <= high, in the unit of the figure."""

    low: float
    high: float


class Tally(NamedTuple):
    """What each item adds to a ratio of sums: ``(I,)`` numerators and ``(I,)`` denominators."""

    numerators: Sequence[float]
    denominators: Sequence[float]

    @classmethod
    def of_means(cls, values: Sequence[float]) -> "Tally":
        """The tally of a plain mean over items."""
        return cls(values, [1] * len(values))

    def by_unit(self, units: Sequence[Hashable]) -> "Tally":
        """Adds up the items of each unit (a speaker, a recording), in order of appearance.

        Args:
            units: ``(I,)`` the unit of each item.
        """
        place: dict[Hashable, int] = {}
        rows = [place.setdefault(unit, len(place)) for unit in units]
        above, below = (np.bincount(rows, column).tolist() for column in self)
        return Tally(above, below)

    def redraw(self) -> "Redraw":
        """The ratio of its sums, each item a unit: NaN where nothing is drawn to divide by."""
        above, below = np.asarray(self.numerators, float), np.asarray(self.denominators, float)

        def ratio(times: NDArray[np.int64]) -> float:
            total = float(times @ below)
            return float(times @ above) / total if total else math.nan

        return Redraw(len(above), ratio)


class Redraw(NamedTuple):
    """A figure that is no ratio of sums, as it comes out when its units are drawn anew.

    num_units: U, such as speakers. figure: ``(U,)`` int64, how often each was drawn, to the
    figure; NaN where there is nothing to measure.
    """

    num_units: int
    figure: Callable[[NDArray[np.int64]], float]


def paired_difference(one: Redraw, other: Redraw) -> Redraw:
    """How much higher the other figure is, of the very same units each time.

    What is hard for both falls out of their difference: its interval is narrower than two
    intervals side by side suggest.

    Raises:
        ValueError: They are not of as many units.

    Source: Bisani and Ney, "Bootstrap estimates for confidence intervals in ASR performance
    evaluation", ICASSP 2004, section 4.
    """
    if one.num_units != other.num_units:
        raise ValueError(
            f"paired difference: expected figures of the same units, got {one.num_units} and "
            f"{other.num_units}"
        )
    return Redraw(one.num_units, lambda times: other.figure(times) - one.figure(times))


def redrawn_interval(
    redraw: Redraw, *, level: float = 0.95, num_resamples: int = 1000, seed: int = 0
) -> Interval:
    """Percentile bootstrap of any figure: whole units are drawn with replacement.

    Args:
        redraw: the figure and its units.
        level, num_resamples, seed: as in `bootstrap_interval`.

    Returns:
        The interval. Draws that leave nothing to measure are left out; NaN where all do.

    Raises:
        ValueError: No units, or a level or number of resamples out of range.
    """
    _check(np.ones(redraw.num_units), np.ones(redraw.num_units), level, num_resamples)
    generator = np.random.default_rng(seed)
    figures = []
    for _ in range(num_resamples):
        draw = generator.integers(redraw.num_units, size=redraw.num_units)
        figures.append(redraw.figure(np.bincount(draw, minlength=redraw.num_units)))
    known = [one for one in figures if not math.isnan(one)] or [math.nan]
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


def bootstrap_interval(
    numerators: Sequence[float],
    denominators: Sequence[float],
    *,
    level: float = 0.95,
    num_resamples: int = 1000,
    seed: int = 0,
) -> Interval:
    """Percentile bootstrap of a ratio of sums, such as errors over reference tokens.

    Whole items are drawn with replacement, so that what is correlated inside an item stays
    together: an item is an utterance, or all utterances of a speaker where the answer asked for
    is "and with other speakers?". The same arguments give the same interval.

    Args:
        numerators: ``(I,)`` one per item: errors, or 1 where right and 0 where wrong.
        denominators: ``(I,)`` one per item, >= 0: reference tokens, or 1.
        level: the share of resamples inside the interval, in (0, 1).
        num_resamples: >= 1.
        seed: of the draw.

    Returns:
        The interval of ``sum(numerators) / sum(denominators)``. Draws in which the denominators
        sum to nothing are left out.

    Raises:
        ValueError: No items, lists of unequal length, a negative denominator or none above 0, or
            a level or number of resamples out of range.

    Source: Bisani and Ney, "Bootstrap estimates for confidence intervals in ASR performance
    evaluation", ICASSP 2004.
    """
    above, below = np.asarray(numerators, float), np.asarray(denominators, float)  # (I,) each
    _check(above, below, level, num_resamples)
    generator = np.random.default_rng(seed)
    draws = (generator.integers(len(above), size=len(above)) for _ in range(num_resamples))
    sums = np.array([(above[draw].sum(), below[draw].sum()) for draw in draws])  # (R, 2)
    sums = sums[sums[:, 1] > 0]
    low, high = np.quantile(sums[:, 0] / sums[:, 1], [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


def _check(above: np.ndarray, below: np.ndarray, level: float, num_resamples: int) -> None:
    if above.shape != below.shape or above.ndim != 1 or not len(above):
        raise ValueError(
            f"bootstrap: expected one numerator and denominator per item, at least one item, got "
            f"shapes {above.shape} and {below.shape}"
        )
    if (below < 0).any() or not below.any():
        raise ValueError("bootstrap: expected denominators >= 0 and not all 0")
    if not 0 < level < 1 or num_resamples < 1:
        raise ValueError(
            f"bootstrap: expected 0 < level < 1 and num_resamples >= 1, got {level} and "
            f"{num_resamples}"
        )
