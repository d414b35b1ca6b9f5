"""Long recordings cut into windows that are decoded by themselves, and joined again.

A recurrent network that was trained on sentences loses its footing in an hour of sound. So each
stretch of speech is decoded from a fresh state; one that is too long is cut into overlapping
windows, and every moment belongs to the window in which it is furthest from an edge.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Window(NamedTuple):
    """What is heard at once, and what of it counts; seconds of the recording, half-open.

    start_s, end_s: the sound that is decoded. from_s, to_s: the words whose middle lies there are
    kept; the same moment never counts in two windows.
    """

    start_s: float
    end_s: float
    from_s: float
    to_s: float


def plan_windows(
    segments: NDArray[np.float64],
    duration_s: float,
    longest_s: float,
    overlap_s: float,
    margin_s: float,
) -> list[list[Window]]:
    """Windows over each stretch of speech, none longer than ``longest_s`` and two margins.

    Args:
        segments: ``(I, 2)`` start and end of each stretch, seconds, in order and apart.
        duration_s: of the recording.
        longest_s: > ``overlap_s``.
        overlap_s: >= 0, that two windows of one stretch share.
        margin_s: >= 0, heard before and after each stretch, up to half-way to the next.

    Returns:
        Of each stretch, in order; together, ``from_s`` to ``to_s`` cover the recording.
    """
    assert 0 <= overlap_s < longest_s and margin_s >= 0
    between = (segments[1:, 0] + segments[:-1, 1]) / 2
    edges = np.concatenate([[-math.inf], between, [math.inf]])  # (I + 1,)
    windows: list[list[Window]] = []
    for (start, end), low, high in zip(segments, edges[:-1], edges[1:]):
        heard = max(start - margin_s, low, 0.0), min(end + margin_s, high, duration_s)
        longest = longest_s + 2 * margin_s
        windows.append(_cut(*heard, float(low), float(high), longest, overlap_s))
    return windows


def _cut(
    start_s: float, end_s: float, from_s: float, to_s: float, longest_s: float, overlap_s: float
) -> list[Window]:
    """One stretch in equal windows."""
    hop = longest_s - overlap_s
    num = max(1, math.ceil(round((end_s - start_s - overlap_s) / hop, 6)))
    length = (end_s - start_s + (num - 1) * overlap_s) / num
    starts = start_s + (length - overlap_s) * np.arange(num)
    middles = starts[1:] + overlap_s / 2
    edges = [from_s, *middles.tolist(), to_s]
    return [
        Window(start, min(start + length, end_s), low, high)
        for start, low, high in zip(starts.tolist(), edges[:-1], edges[1:])
    ]
