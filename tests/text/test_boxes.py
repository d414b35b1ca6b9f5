import pytest

from rnnmm.manifest import Segment
from rnnmm.text.boxes import Box, Sighting, is_sighting, read_sightings, write_sighting
from rnnmm.text.segments import read_segments, write_segments


def test_sightings_survive_being_written_as_segments() -> None:
    later = Sighting(0.1, 0.2, Box(-3.5, 20.25, 34, 81), 640, 480)
    first = Sighting(0.0, 0.1, Box(0, 0, 0.5, 1), 640, 480)
    said = [write_sighting(later), Segment(0, 1, "boxing"), write_sighting(first)]
    assert said[0].label == "box -3.5 20.25 34 81 in 640x480"
    assert [is_sighting(one) for one in said] == [True, False, True]
    assert read_sightings(read_segments(write_segments(said))) == [first, later]


@pytest.mark.parametrize(
    "label", ["box 1 2 3 in 4x5", "box 1 2 0 4 in 6x7", "box 1 2 3 4", "box 1 2 3 4 in 0x7"]
)
def test_a_box_that_is_none(label: str) -> None:
    with pytest.raises(ValueError, match="expected 'box LEFT TOP WIDTH HEIGHT in WIDTHxHEIGHT'"):
        read_sightings([Segment(0, 1, label)])
