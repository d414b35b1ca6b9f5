import pytest

from rnnmm.manifest import Segment
from rnnmm.text.segments import read_segments, write_segments


@pytest.mark.parametrize(
    ("segments", "text"),
    [
        ((), ""),
        ((Segment(0.95, 2.12, "speech"),), "0.95-2.12 speech"),
        (
            (Segment(0.0, 10.0, "sitting down, 2-3 times"), Segment(3661.1234, 4000.0, "a-b")),
            "0-10 sitting down, 2-3 times; 3661.123-4000 a-b",
        ),
    ],
)
def test_segments_in_one_line_and_back(segments: tuple[Segment, ...], text: str) -> None:
    assert write_segments(segments) == text
    rounded = tuple(Segment(round(s, 3), round(e, 3), label) for s, e, label in segments)
    assert read_segments(text) == rounded


def test_they_are_written_in_order() -> None:
    assert write_segments([Segment(1, 2, "b"), Segment(0, 3, "a")]) == "0-3 a; 1-2 b"
