"""Where one shot ends and the next begins: kernel temporal segmentation, exactly.

The frames of a shot are alike. Of all ways to cut a sequence into a number of pieces, dynamic
programming finds the one whose pieces scatter least around their means; a penalty on the number
of cuts chooses between the numbers.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnmm.domain import NotNegative, Positive

_STILL = 1e-9  # a scatter that is only what rounding left


@dataclass(frozen=True, slots=True)
class ShotRule:
    """What counts as shots.

    Args:
        mean_s: there are no more than one every so many seconds.
        longest_s: none is longer; the time this takes grows with it.
        penalty: of a cut; above 1 noise alone is not cut, 0 cuts as often as it may.

    Raises:
        ValueError: ``longest_s`` is below ``mean_s``.
    """

    mean_s: Positive = 2.0
    longest_s: Positive = 30.0
    penalty: NotNegative = 2.0

    def __post_init__(self) -> None:
        if self.longest_s < self.mean_s:
            raise ValueError(
                f"ShotRule: expected longest_s >= mean_s, got longest_s={self.longest_s:g} and "
                f"mean_s={self.mean_s:g}"
            )


def find_shots(
    features: NDArray[Any], frame_rate: float, rule: ShotRule | None = None
) -> NDArray[np.int64]:
    """Cuts a sequence of vectors; neither their mean nor the size of their scatter plays a part.

    Args:
        features: ``(T, F)``, T >= 1.
        frame_rate: vectors per second.
        rule: None: as it stands.

    Returns:
        ``(I, 2)`` half-open runs of steps, in order, without gaps.

    Source:
        Potapov et al. 2014, "Category-specific video summarization", section 3, with a linear
        kernel and the penalty ``m / 2T (log(T / m) + 1)`` of its code for m cuts. There vectors
        have length 1; those of a network whose outputs are all positive then hardly scatter, so
        here a video's own variance is 1.
    """
    rule = ShotRule() if rule is None else rule
    num_steps = len(features)
    longest = min(num_steps, max(1, math.ceil(rule.longest_s * frame_rate)))
    most = math.ceil(num_steps / max(1.0, rule.mean_s * frame_rate))
    totals, lengths = _cut(_scatters(_standardised(features), longest), most)
    cuts = np.arange(1, most)
    penalties = rule.penalty * cuts / (2 * num_steps) * (np.log(num_steps / cuts) + 1)
    objective = totals / num_steps + np.concatenate([[0.0], penalties])
    return _walk_back(lengths[: int(objective.argmin()) + 1])


def _standardised(features: NDArray[Any]) -> NDArray[np.float64]:
    """Vectors of mean 0 and mean square length 1; zeros where nothing ever changes."""
    vectors = np.asarray(features, np.float64)
    vectors = vectors - vectors.mean(axis=0)
    size = math.sqrt(float(np.square(vectors).sum(axis=1).mean()))
    return vectors / size if size > _STILL else np.zeros_like(vectors)


def _scatters(vectors: NDArray[np.float64], longest: int) -> NDArray[np.float64]:
    """``(T + 1, longest)``: at [t, l - 1] how far the l steps before t are from their mean.

    The sum of squared distances; infinite where there are not so many steps.
    """
    num_steps = len(vectors)
    sums = np.concatenate([np.zeros((1, vectors.shape[1])), vectors.cumsum(axis=0)])
    squares = np.concatenate([[0.0], np.square(vectors).sum(axis=1).cumsum()])
    scatters = np.full((num_steps + 1, longest), np.inf)
    for length in range(1, longest + 1):
        of_mean = np.square(sums[length:] - sums[:-length]).sum(axis=1) / length
        scatters[length:, length - 1] = squares[length:] - squares[:-length] - of_mean
    return np.maximum(scatters, 0.0)  # type: ignore[no-any-return]


def _cut(
    scatters: NDArray[np.float64], most: int
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """The least scatter of all steps in 1 to ``most`` pieces, and how to find the cuts.

    Returns:
        ``(most,)`` totals; ``(most, T + 1)`` the length of the last piece of the first t steps.
    """
    ends, longest = np.arange(len(scatters)), scatters.shape[1]
    starts = ends[:, None] - np.arange(1, longest + 1)  # (T + 1, longest)
    best = np.where(ends == 0, 0.0, np.inf)  # of no pieces
    totals, lengths = np.empty(most), np.empty((most, len(ends)), np.int32)
    for number in range(most):
        ways = np.where(starts >= 0, best[starts], np.inf) + scatters
        lengths[number] = ways.argmin(axis=1) + 1
        best = ways.min(axis=1)
        totals[number] = best[-1]
    return totals, lengths


def _walk_back(lengths: NDArray[np.int32]) -> NDArray[np.int64]:
    end, runs = lengths.shape[1] - 1, []
    for last in lengths[::-1]:
        start = end - int(last[end])
        runs.append((start, end))
        end = start
    return np.array(runs[::-1], np.int64)
