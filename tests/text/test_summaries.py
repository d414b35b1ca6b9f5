import pytest

from rnnmm.manifest import Segment
from rnnmm.text.segments import read_segments, write_segments
from rnnmm.text.summaries import chosen, important, is_opinion, read_opinions, shot


def test_opinions_survive_being_written_as_segments() -> None:
    said = [
        shot(2, 4), shot(0, 2), chosen(2, 4, "ann"), chosen(0, 1.5, "bob 2"),
        important(0, 4, 0.12345), Segment(0, 1, "walking"), chosen(0, 1, "ann"),
    ]  # fmt: skip
    opinions = read_opinions(read_segments(write_segments(said)))
    assert opinions.users == {"ann": [(0, 1), (2, 4)], "bob 2": [(0, 1.5)]}
    assert opinions.importance == [(0, 4, 0.123)]
    assert opinions.shots == [(0, 2), (2, 4)]


def test_shots_alone_are_no_opinion() -> None:
    assert is_opinion(chosen(0, 1, "ann")) and is_opinion(important(0, 1, 0.5))
    assert not is_opinion(shot(0, 1)) and not is_opinion(Segment(0, 1, "walking"))


@pytest.mark.parametrize("value", ["high", "1.5", "-0.1", "nan"])
def test_an_importance_that_is_none(value: str) -> None:
    with pytest.raises(
        ValueError, match=r"expected 'importance' and a number from 0 to 1, .* got"
    ):
        read_opinions([Segment(0, 1, f"importance {value}")])
