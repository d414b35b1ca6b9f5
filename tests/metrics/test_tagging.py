import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnmm.decode.segments import Found
from rnnmm.manifest import Segment
from rnnmm.metrics.tagging import (
    FrameCounts,
    Grid,
    Span,
    average_precision,
    best_constant,
    clipped,
    count_frames,
    count_items,
    detection_tallies,
    frame_tallies,
    mean_average_precision,
    rate,
    temporal_iou,
)

spans = st.tuples(st.integers(0, 2), st.integers(0, 8), st.integers(1, 5)).map(
    lambda t: Span(t[0], float(t[1]), float(t[1] + t[2]))
)
parts = st.tuples(st.integers(0, 3), st.integers(1, 3), st.sampled_from("abc"))
answers = st.lists(spans, max_size=7).map(
    lambda listed: [one._replace(score=1 - n / 10) for n, one in enumerate(listed)]
)


def slow_iou(one: Span, other: Span) -> float:
    ours = {(one.item, t) for t in range(int(one.start_s), int(one.end_s))}
    theirs = {(other.item, t) for t in range(int(other.start_s), int(other.end_s))}
    return len(ours & theirs) / len(ours | theirs)


def slow_average_precision(truth: list[Span], answer: list[Span], min_iou: float) -> float:
    """As ActivityNet's evaluation: locked segments are passed over, best overlap first."""
    locked: set[int] = set()
    hits = []
    for one in answer:
        ranked = sorted(range(len(truth)), key=lambda n: -slow_iou(one, truth[n]))
        taken = [n for n in ranked if slow_iou(one, truth[n]) >= min_iou and n not in locked]
        locked |= set(taken[:1])
        hits.append(bool(taken))
    precision = [sum(hits[: n + 1]) / (n + 1) for n in range(len(hits))]
    # Every hit is a step in recall, at the best precision from there on.
    steps = [max(precision[n:]) for n, is_hit in enumerate(hits) if is_hit]
    return sum(steps) / len(truth)


@given(spans, st.lists(spans, min_size=1, max_size=5))
def test_overlap_by_counting(one: Span, others: list[Span]):
    np.testing.assert_allclose(temporal_iou(one, others), [slow_iou(one, x) for x in others])


@given(st.lists(spans, min_size=1, max_size=5), answers, st.sampled_from([0.3, 0.5, 0.7]))
def test_average_precision_by_the_book(truth: list[Span], answer: list[Span], min_iou: float):
    expected = slow_average_precision(truth, answer, min_iou)
    assert average_precision(truth, answer[::-1], min_iou) == pytest.approx(expected)


def test_average_precision_by_hand():
    truth = [Span(0, 0.0, 10.0), Span(1, 5.0, 10.0)]
    wrong, right = Span(0, 20.0, 30.0, 0.9), Span(0, 0.0, 9.0, 0.8)
    again, other = Span(0, 0.0, 10.0, 0.7), Span(1, 5.0, 10.0, 0.6)
    assert average_precision(truth, [right, other], 0.7) == 1.0
    # Found at ranks 2 and 4: precisions 1/2 and 2/4; the second look at one segment is wrong.
    assert average_precision(truth, [wrong, right, again, other], 0.7) == pytest.approx(0.5)
    assert average_precision(truth, [], 0.5) == 0.0
    assert math.isnan(average_precision([], [right], 0.5))


def test_detections_of_one_score_are_accepted_together():
    truth = [Span(0, 0.0, 1.0)]
    right, wrong = Span(0, 0.0, 1.0, 0.5), Span(1, 0.0, 1.0, 0.5)
    assert average_precision(truth, [right, wrong], 0.5) == 0.5
    assert average_precision(truth, [wrong, right], 0.5) == 0.5


def test_the_mean_is_over_the_labels_that_occur():
    truth = [(Segment(0.0, 1.0, "sit"), Segment(0.0, 2.0, "read")), ()]
    answer = [(Found(0.0, 1.0, "sit", 0.9),), (Found(0.0, 1.0, "run", 0.9),)]
    assert mean_average_precision(truth, answer, 0.5) == 0.5
    assert math.isnan(mean_average_precision([()], [()], 0.5))


def test_frame_figures_by_hand():
    reference = np.array([[1, 1, 0, 0], [0, 1, 0, 0]], bool).T
    answer = np.array([[0, 1, 1, 1], [0, 1, 0, 0]], bool).T
    counts = count_frames(reference, answer)
    assert counts == FrameCounts(hits=2, false=2, missed=1)
    rates = {name: rate(one) for name, one in frame_tallies([counts, FrameCounts()]).items()}
    assert rates == {
        "frame_f1": pytest.approx(4 / 7), "frame_precision": 0.5, "frame_recall": 2 / 3,
    }  # fmt: skip
    rates = {name: rate(one) for name, one in detection_tallies([counts]).items()}
    assert rates == {"detection_error_rate": 1.0, "miss_rate": 1 / 3, "false_alarm_rate": 2 / 3}
    assert counts + counts == FrameCounts(4, 4, 2)


def test_nothing_to_measure_has_no_figure():
    tallies = frame_tallies([FrameCounts()]) | detection_tallies([FrameCounts()])
    assert all(math.isnan(rate(one)) for one in tallies.values())


def test_answers_for_other_frames_are_refused():
    with pytest.raises(ValueError, match=r"frames of the reference \(3, 1\), got \(2, 1\)"):
        count_frames(np.zeros((3, 1), bool), np.zeros((2, 1), bool))


def test_what_lies_behind_the_end_does_not_count():
    grid = Grid(6, 2.0)
    segments = (Segment(0.0, 1.0, "a"), Segment(2.0, 9.0, "b"), Segment(3.0, 4.0, "c"))
    assert clipped(segments, grid) == (Segment(0.0, 1.0, "a"), Segment(2.0, 3.0, "b"))


@given(st.lists(st.lists(parts, max_size=4), min_size=1, max_size=3))
def test_no_other_constant_answer_has_a_better_f1(drawn):
    truth = [tuple(Segment(s, s + n, label) for s, n, label in item) for item in drawn]
    grids, labels = [Grid(6, 1.0)] * len(truth), ("a", "b", "c")

    def f1(answer) -> float:
        counts = sum(count_items(truth, answer, grids, labels), FrameCounts())
        return rate(frame_tallies([counts])["frame_f1"])

    best = f1(best_constant(truth, grids, labels))
    for choice in range(1, 8):
        names = [label for n, label in enumerate(labels) if choice >> n & 1]
        answer = [tuple(Found(0.0, 6.0, name, 1.0) for name in names)] * len(truth)
        assert best >= f1(answer) - 1e-12
