"""Frame by frame to from-till: what lies between the probabilities of frames and segments.

Frame t of T stands for the time from ``t`` to ``t + 1`` frames; it carries a label where that
label's segments hold its middle.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from rnnmm.domain import Fraction, NotNegative
from rnnmm.manifest import Segment
from rnnmm.units import round_half_up

_ROUNDING = 1e-6  # frames: 0.28 s at 25 frames/s are 7 of them, and 0.28 * 25 is more


class Found(NamedTuple):
    """A segment that a model found. Times and label as in `Segment`. score: 0..1."""

    start_s: float
    end_s: float
    label: str
    score: float


@dataclass(frozen=True, slots=True)
class SegmentRule:
    """How a label's probabilities become segments, in this order.

    Args:
        median_s: width of a median over time, which takes away what is shorter than half of it;
            0: none. It looks half its width ahead; all else but ``min_gap_s`` looks back alone.
        onset: a segment begins at a probability of so much,
        offset: and goes on until it falls below this, at most ``onset``.
        min_gap_s: shorter gaps are filled.
        min_duration_s: what is shorter then is dropped.

    Raises:
        ValueError: ``offset`` is above ``onset``.
    """

    median_s: NotNegative = 0.0
    onset: Fraction = 0.5
    offset: Fraction = 0.5
    min_gap_s: NotNegative = 0.0
    min_duration_s: NotNegative = 0.0

    def __post_init__(self) -> None:
        if self.offset > self.onset:
            raise ValueError(
                f"SegmentRule: expected offset <= onset, got offset={self.offset:g} and "
                f"onset={self.onset:g}"
            )


def find_segments(
    probabilities: NDArray[Any], labels: Sequence[str], frame_rate: float, rule: SegmentRule
) -> tuple[Found, ...]:
    """Segments of every label, in order of their start; each scored by its mean probability.

    Args:
        probabilities: ``(T, K)`` 0..1, of each label in each frame.
        labels: ``(K,)``.
        frame_rate: frames per second.
        rule: how.
    """
    found = [
        Found(start / frame_rate, end / frame_rate, label, float(column[start:end].mean()))
        for label, column in zip(labels, probabilities.T)
        for start, end in _stretches(column, frame_rate, rule)
    ]
    return tuple(sorted(found))


def _stretches(column: NDArray[Any], frame_rate: float, rule: SegmentRule) -> list[list[int]]:
    width = 2 * round_half_up((rule.median_s * frame_rate - 1) / 2) + 1  # odd
    smooth = median_filter(column, width, mode="nearest") if len(column) else column
    active = runs(hysteresis(smooth, rule.onset, rule.offset))
    stretches = bridged(active, rule.min_gap_s * frame_rate - _ROUNDING)
    lengths = stretches[:, 1] - stretches[:, 0]
    is_kept = lengths >= rule.min_duration_s * frame_rate - _ROUNDING
    kept: list[list[int]] = stretches[is_kept].tolist()
    return kept


def hysteresis(values: NDArray[Any], onset: float, offset: float) -> NDArray[np.bool_]:
    """``(T,)`` -> ``(T,)`` true from a value >= ``onset`` until one < ``offset``."""
    is_decided = (values >= onset) | (values < offset)
    last = np.maximum.accumulate(np.where(is_decided, np.arange(len(values)), -1))
    return (last >= 0) & (values >= onset)[last]


def runs(is_active: NDArray[np.bool_]) -> NDArray[np.int64]:
    """``(T,)`` -> ``(I, 2)`` half-open runs of True."""
    edges = np.diff(np.concatenate([[0], is_active.astype(np.int8), [0]]))
    return np.stack([np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)], axis=1)


def bridged(spans: NDArray[Any], min_gap: float) -> NDArray[Any]:
    """Joins ``(I, 2)`` spans, in order and apart, that less than ``min_gap`` lies between."""
    if not len(spans):
        return spans
    is_apart = spans[1:, 0] - spans[:-1, 1] >= max(min_gap, 1e-9)
    starts = spans[np.concatenate([[True], is_apart]), 0]
    ends = spans[np.concatenate([is_apart, [True]]), 1]
    return np.stack([starts, ends], axis=1)


def united(segments: Iterable[Segment], label: str) -> tuple[Segment, ...]:
    """The time in which any of the segments goes on, as segments of one label, all apart."""
    merged: list[Segment] = []
    for start_s, end_s, _ in sorted(segments):
        if merged and start_s <= merged[-1].end_s:
            start_s, end_s = merged[-1].start_s, max(end_s, merged.pop().end_s)
        merged.append(Segment(start_s, end_s, label))
    return tuple(merged)


def tag_frames(
    segments: Iterable[Segment | Found], labels: Sequence[str], num_frames: int, frame_rate: float
) -> NDArray[np.bool_]:
    """``(T, K)``: which labels each frame carries; other labels than these are passed over."""
    tags = np.zeros((num_frames, len(labels)), np.bool_)
    for start_s, end_s, label, *_ in segments:
        if label in labels:
            first, end = (max(0, round_half_up(time * frame_rate)) for time in (start_s, end_s))
            tags[first:end, labels.index(label)] = True
    return tags
