"""What goes on when: frames that are tagged right, segments that are found.

Conventions
    Frames: every pair of a frame and a class counts once, whatever class it is of (micro average).
    Precision, recall and F1 are over pairs. For the detection of one class the detection error
    rate is the time missed and the time falsely answered over the time there is to find, so that
    its two parts, miss rate and false alarm rate, add up to it; it may be above 1.

    Segments: a detection is right where it overlaps a segment of its class in the same item with
    an intersection over union of at least a threshold, and no detection of a higher score has
    taken that segment; of several it takes the one it overlaps best. Average precision is the area
    under the precision envelope over recall. Detections of equal score are accepted together. The
    mean is over the classes that occur.

Source
    Frames: Bredin 2017, "pyannote.metrics", for the detection error rate. Segments: Caba Heilbron
    et al. 2015, "ActivityNet", and its evaluation code.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnmm.decode.segments import Found, tag_frames
from rnnmm.manifest import Segment
from rnnmm.metrics.interval import Tally

Timed = Sequence[Segment] | Sequence[Found]
"""What goes on in one item, or what was found in it."""


@dataclass(frozen=True, slots=True)
class FrameCounts:
    """Tagged frames of an item or, summed, of many; without arguments those of nothing.

    Args:
        hits: in the reference and in the answer.
        false: in the answer alone.
        missed: in the reference alone.
    """

    hits: int = 0
    false: int = 0
    missed: int = 0

    def __add__(self, other: "FrameCounts") -> "FrameCounts":
        return FrameCounts(
            self.hits + other.hits, self.false + other.false, self.missed + other.missed
        )


def count_frames(reference: NDArray[np.bool_], answer: NDArray[np.bool_]) -> FrameCounts:
    """Compares tags ``(T, K)`` or ``(T,)``.

    Raises:
        ValueError: They are not of one shape.
    """
    if reference.shape != answer.shape:
        raise ValueError(
            f"tagging: expected an answer for the frames of the reference {reference.shape}, got "
            f"{answer.shape}"
        )
    hits = int((reference & answer).sum())
    return FrameCounts(hits, int(answer.sum()) - hits, int(reference.sum()) - hits)


def frame_tallies(counts: Sequence[FrameCounts]) -> dict[str, Tally]:
    """What each item adds to F1, precision and recall."""
    hits, false, missed = _columns(counts)
    return {
        "frame_f1": _tally(2 * hits, 2 * hits + false + missed),
        "frame_precision": _tally(hits, hits + false),
        "frame_recall": _tally(hits, hits + missed),
    }


def detection_tallies(counts: Sequence[FrameCounts]) -> dict[str, Tally]:
    """What each item adds to the detection error rate and its two parts."""
    hits, false, missed = _columns(counts)
    return {
        "detection_error_rate": _tally(false + missed, hits + missed),
        "miss_rate": _tally(missed, hits + missed),
        "false_alarm_rate": _tally(false, hits + missed),
    }


def rate(tally: Tally) -> float:
    """The ratio of the sums; NaN where there is nothing to divide by."""
    below = sum(tally.denominators)
    return float(sum(tally.numerators) / below) if below else math.nan


class Span(NamedTuple):
    """Part of an item's time. item: which. start_s, end_s: half-open. score: of a detection."""

    item: int
    start_s: float
    end_s: float
    score: float = 1.0


def temporal_iou(span: Span, others: Sequence[Span]) -> NDArray[np.float64]:
    """``(I,)`` intersection over union with spans of the same item, 0 with those of others."""
    items, starts, ends, _ = np.array(others, np.float64).reshape(-1, 4).T
    both = np.minimum(span.end_s, ends) - np.maximum(span.start_s, starts)
    either = np.maximum(span.end_s, ends) - np.minimum(span.start_s, starts)
    is_met = (items == span.item) & (both > 0)
    overlap: NDArray[np.float64] = np.where(is_met, both, 0.0) / np.where(is_met, either, 1.0)
    return overlap


def average_precision(truth: Sequence[Span], answer: Sequence[Span], min_iou: float) -> float:
    """Of the detections of one class.

    Args:
        truth: the class's segments in all items.
        answer: its detections.
        min_iou: in (0, 1], what counts as found.

    Returns:
        In 0..1; NaN where there is nothing to find.
    """
    if not truth:
        return math.nan
    ordered = sorted(answer, key=lambda span: (-span.score, span.item, span.start_s, span.end_s))
    hits = np.cumsum(_are_hits(truth, ordered, min_iou))
    scores = np.array([span.score for span in ordered])
    last = np.flatnonzero(np.append(scores[1:] != scores[:-1], True))[: len(ordered)]
    precision, recall = hits[last] / (last + 1), hits[last] / len(truth)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.diff(recall, prepend=0.0) @ envelope)


def _are_hits(truth: Sequence[Span], ordered: Sequence[Span], min_iou: float) -> list[bool]:
    is_free = np.ones(len(truth), np.bool_)
    hits = []
    for span in ordered:
        overlap = np.where(is_free, temporal_iou(span, truth), 0.0)
        best = int(overlap.argmax())
        hits.append(bool(overlap[best] >= min_iou))
        is_free[best] &= not hits[-1]
    return hits


def mean_average_precision(
    truth: Sequence[Timed], answer: Sequence[Sequence[Found]], min_iou: float
) -> float:
    """The mean of `average_precision` over the labels that occur.

    Args:
        truth: of each item, its segments.
        answer: of each item, what was found.
        min_iou: in (0, 1], what counts as found.

    Returns:
        In 0..1; NaN where there is nothing to find.
    """
    wanted, given = _spans(truth), _spans(answer)
    each = [average_precision(wanted[name], given[name], min_iou) for name in sorted(wanted)]
    return float(np.mean(each)) if each else math.nan


class Grid(NamedTuple):
    """The frames of an item: how many, and how many a second."""

    num_frames: int
    frame_rate: float

    @property
    def duration_s(self) -> float:
        """Until the end of the last one."""
        return self.num_frames / self.frame_rate


def clipped(segments: Timed, grid: Grid) -> tuple[Segment, ...]:
    """Segments without what lies behind the last frame."""
    parts = [
        (start_s, min(end_s, grid.duration_s), label) for start_s, end_s, label, *_ in segments
    ]
    return tuple(Segment(*part) for part in parts if part[0] < part[1])


def count_items(
    truth: Sequence[Timed], answer: Sequence[Timed], grids: Sequence[Grid], labels: Sequence[str]
) -> list[FrameCounts]:
    """The frames of each item, over all labels."""
    return [
        count_frames(tag_frames(one, labels, *grid), tag_frames(other, labels, *grid))
        for one, other, grid in zip(truth, answer, grids, strict=True)
    ]


def best_constant(
    truth: Sequence[Timed], grids: Sequence[Grid], labels: Sequence[str]
) -> list[tuple[Found, ...]]:
    """Of the answers that give the same labels from start to end, the one of the best F1."""
    tags = [tag_frames(one, labels, *grid).sum(axis=0) for one, grid in zip(truth, grids)]
    hits = np.sum(tags, axis=0)  # (K,) of each label, if it were always given
    order = np.argsort(-hits, kind="stable")
    given = sum(grid.num_frames for grid in grids) * np.arange(1, len(labels) + 1)
    f1 = 2 * np.cumsum(hits[order]) / np.maximum(given + hits.sum(), 1)
    chosen = [labels[place] for place in order[: int(f1.argmax()) + 1].tolist()]
    return [tuple(Found(0.0, grid.duration_s, name, 1.0) for name in chosen) for grid in grids]


def _spans(timelines: Sequence[Timed]) -> dict[str, list[Span]]:
    """By label."""
    spans: dict[str, list[Span]] = defaultdict(list)
    for item, segments in enumerate(timelines):
        for start_s, end_s, label, *score in segments:
            spans[label].append(Span(item, start_s, end_s, *score))
    return spans


def _columns(counts: Sequence[FrameCounts]) -> NDArray[np.int64]:
    rows = [(one.hits, one.false, one.missed) for one in counts]
    return np.array(rows, np.int64).reshape(-1, 3).T


def _tally(above: NDArray[np.int64], below: NDArray[np.int64]) -> Tally:
    return Tally(above.tolist(), below.tolist())
