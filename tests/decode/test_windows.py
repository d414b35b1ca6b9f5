"""Every moment of speech is heard, counts once, and far from an edge."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rnnmm.decode.windows import Window, plan_windows

seconds = st.floats(0.01, 50, allow_nan=False)


def stretches(lengths: list[tuple[float, float]]) -> tuple[np.ndarray, float]:
    """Pause and speech in turns -> segments and the recording's duration."""
    times = np.cumsum([second for pair in lengths for second in pair])
    return times.reshape(-1, 2), float(times[-1]) + 1.0


@given(
    st.lists(st.tuples(seconds, seconds), min_size=1, max_size=6),
    st.floats(2, 20), st.floats(0, 1.5), st.floats(0, 0.5),
)  # fmt: skip
def test_all_speech_is_heard_and_counts_once(
    lengths: list[tuple[float, float]], longest_s: float, overlap_s: float, margin_s: float
) -> None:
    segments, duration_s = stretches(lengths)
    by_stretch = plan_windows(segments, duration_s, longest_s, overlap_s, margin_s)
    assert len(by_stretch) == len(segments) and all(by_stretch)
    windows = [one for stretch in by_stretch for one in stretch]
    assert windows[0].from_s == -np.inf and windows[-1].to_s == np.inf
    for before, after in itertools.pairwise(windows):
        assert before.to_s == after.from_s
    for moment in np.linspace(0, duration_s, 200):
        (owner,) = [one for one in windows if one.from_s <= moment < one.to_s]
        if any(start <= moment < end for start, end in segments):
            assert owner.start_s - 1e-9 <= moment <= owner.end_s + 1e-9
    for one in windows:
        assert 0 <= one.start_s < one.end_s <= duration_s
        assert one.end_s - one.start_s <= longest_s + 2 * margin_s + 1e-6


def test_windows_of_one_stretch_share_the_overlap_and_part_in_its_middle() -> None:
    (windows,) = plan_windows(np.array([[1.0, 10.0]]), 12.0, 5.0, 1.0, 0.0)
    assert windows == [Window(1, 6, -np.inf, 5.5), Window(5, 10, 5.5, np.inf)]


def test_margins_end_half_way_to_the_next_stretch() -> None:
    windows = plan_windows(np.array([[1.0, 2.0], [2.4, 3.0]]), 3.1, 5.0, 1.0, 0.5)
    assert [(one.start_s, one.end_s) for (one,) in windows] == [(0.5, 2.2), (2.2, 3.1)]


def test_no_speech_no_windows() -> None:
    assert plan_windows(np.zeros((0, 2)), 60.0, 5.0, 1.0, 0.5) == []
