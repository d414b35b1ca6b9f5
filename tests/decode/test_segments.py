import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnmm.decode.segments import (
    Found,
    SegmentRule,
    bridged,
    find_segments,
    hysteresis,
    runs,
    tag_frames,
    united,
)
from rnnmm.manifest import Segment

values = st.lists(st.sampled_from([0.0, 0.2, 0.4, 0.5, 0.7, 1.0]), max_size=30)


@given(values, st.sampled_from([0.4, 0.5, 0.7]), st.sampled_from([0.2, 0.4]))
def test_hysteresis_is_a_switch_that_sticks(given: list[float], onset: float, offset: float):
    is_on, expected = False, []
    for value in given:
        is_on = value >= onset or (is_on and value >= offset)
        expected.append(is_on)
    assert hysteresis(np.array(given), onset, offset).tolist() == expected


@given(st.lists(st.booleans(), max_size=30))
def test_runs_cover_what_is_true_and_nothing_else(flags: list[bool]):
    found = runs(np.array(flags, bool))
    again = np.zeros(len(flags), bool)
    for start, end in found:
        assert start < end
        again[start:end] = True
    assert again.tolist() == flags
    assert (found[1:, 0] > found[:-1, 1]).all(), "none touches the next"


def test_gaps_shorter_than_the_limit_are_bridged():
    spans = np.array([[0, 2], [3, 5], [7, 9]])
    assert bridged(spans, 0).tolist() == spans.tolist()
    assert bridged(spans, 2).tolist() == [[0, 5], [7, 9]]
    assert bridged(spans, 2.5).tolist() == [[0, 9]]
    assert bridged(spans[:0], 1).tolist() == []


@pytest.mark.parametrize(("seconds", "frame_rate"), [(0.28, 25), (0.56, 50), (1.12, 100)])
def test_what_lasts_just_as_long_as_it_must_is_kept(seconds: float, frame_rate: int):
    num_frames = round(seconds * frame_rate)
    one = np.zeros((4 * num_frames, 1))
    one[3 : 3 + num_frames] = 1
    assert len(find_segments(one, "a", frame_rate, SegmentRule(min_duration_s=seconds))) == 1
    gap = 1 - one
    assert len(find_segments(gap, "a", frame_rate, SegmentRule(min_gap_s=seconds))) == 2


def test_every_label_has_its_segments_scored_by_their_mean():
    column = [0.1, 0.6, 0.8, 0.45, 0.1, 0.9]
    probabilities = np.array([column, [0.0] * 5 + [1.0]]).T
    found = find_segments(probabilities, ("sit", "read"), 2.0, SegmentRule(offset=0.4))
    assert found == (
        Found(0.5, 2.0, "sit", pytest.approx(np.mean(column[1:4]))),
        Found(2.5, 3.0, "read", 1.0),
        Found(2.5, 3.0, "sit", 0.9),
    )


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (SegmentRule(), [(1, 2), (4, 8), (9, 10)]),
        (SegmentRule(min_duration_s=1.5), [(4, 8)]),
        (SegmentRule(min_gap_s=1.5), [(1, 2), (4, 10)]),
        (SegmentRule(min_gap_s=1.5, min_duration_s=1.5), [(4, 10)]),
        (SegmentRule(min_gap_s=3), [(1, 10)]),
        (SegmentRule(median_s=3), [(4, 9)]),
        (SegmentRule(onset=0.95, offset=0.95), []),
    ],
)
def test_rules_in_their_order(rule: SegmentRule, expected: list[tuple[int, int]]):
    column = np.array([0, 0.9, 0, 0, 0.9, 0.9, 0.9, 0.9, 0, 0.9, 0])
    found = find_segments(column[:, None], ("x",), 1.0, rule)
    assert [(one.start_s, one.end_s) for one in found] == expected


def test_no_frames_have_no_segments():
    assert find_segments(np.zeros((0, 1)), ("x",), 1.0, SegmentRule(median_s=2)) == ()


def test_an_offset_above_the_onset_is_refused():
    with pytest.raises(ValueError, match=r"offset <= onset, got offset=0.6 and onset=0.5"):
        SegmentRule(offset=0.6)


def test_a_frame_carries_the_labels_that_hold_its_middle():
    segments = [Segment(0.3, 1.2, "sit"), Segment(0.0, 0.24, "read"), Segment(1.9, 9.0, "read"),
                Found(0.0, 1.0, "unknown", 0.5)]  # fmt: skip
    tags = tag_frames(segments, ("read", "sit"), 4, 2.0)
    middles = (np.arange(4) + 0.5) / 2
    for column, label in enumerate(("read", "sit")):
        held = [any(s[0] <= t < s[1] and s[2] == label for s in segments) for t in middles]
        assert tags[:, column].tolist() == held
    assert tag_frames([], (), 3, 2.0).shape == (3, 0)


def test_what_touches_or_overlaps_is_united():
    words = [Segment(1.0, 2.0, "b"), Segment(0.0, 1.0, "a"), Segment(3.0, 6.0, "c"),
             Segment(4.0, 5.0, "d")]  # fmt: skip
    assert united(words, "speech") == (Segment(0.0, 2.0, "speech"), Segment(3.0, 6.0, "speech"))
    assert united([], "speech") == ()
