"""Which shots to show in the time there is: the 0/1 knapsack, exactly."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray


def pack(values: NDArray[Any], weights: NDArray[np.int64], capacity: int) -> NDArray[np.bool_]:
    """The things of the greatest total value whose weights fit, by dynamic programming.

    Of equally good choices it is one, always the same; a thing worth nothing is left out.

    Args:
        values: ``(I,)`` >= 0.
        weights: ``(I,)`` > 0.
        capacity: >= 0.

    Returns:
        ``(I,)`` which are in.
    """
    best = np.zeros(capacity + 1)  # by the weight there is room for
    is_better = np.zeros((len(values), capacity + 1), np.bool_)
    for thing, (value, weight) in enumerate(zip(values.tolist(), weights.tolist())):
        if weight <= capacity:
            with_it = best[: capacity + 1 - weight] + value
            is_better[thing, weight:] = with_it > best[weight:]
            best[weight:] = np.maximum(best[weight:], with_it)
    chosen, room = np.zeros(len(values), np.bool_), capacity
    for thing in reversed(range(len(values))):
        if is_better[thing, room]:
            chosen[thing], room = True, room - int(weights[thing])
    return chosen


def choose_shots(
    importance: NDArray[Any], shots: NDArray[np.int64], share: float
) -> NDArray[np.bool_]:
    """Which shots make the summary: each is worth the mean importance of its frames.

    That the mean is packed and not the sum, so that short shots are preferred, is the protocol of
    the published figures.

    Args:
        importance: ``(N,)`` >= 0, of each frame.
        shots: ``(I, 2)`` half-open runs of frames within them, none empty.
        share: 0..1: the summary is at most so much of the video.

    Returns:
        ``(I,)``.

    Source:
        Zhang et al. 2016, arXiv 1605.08110, section 4.2; Zhou et al. 2018, arXiv 1801.00054.
    """
    sums = np.concatenate([[0.0], np.asarray(importance, np.float64).cumsum()])
    lengths = shots[:, 1] - shots[:, 0]
    values = (sums[shots[:, 1]] - sums[shots[:, 0]]) / lengths
    return pack(values, lengths, math.floor(share * len(importance) + 1e-9))


def covered(spans: NDArray[np.int64], num_frames: int) -> NDArray[np.bool_]:
    """``(I, 2)`` half-open runs -> ``(N,)`` true within any; what lies outside 0..N is cut."""
    edges = np.zeros(num_frames + 1, np.int64)
    limits = np.clip(spans, 0, num_frames)
    np.add.at(edges, limits[:, 0], 1)
    np.add.at(edges, limits[:, 1], -1)
    return edges[:-1].cumsum() > 0
