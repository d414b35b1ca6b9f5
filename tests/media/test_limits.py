import pytest

from rnnmm.media.limits import Span


def test_a_part_within_the_limit_passes() -> None:
    Span(5.0, None, 10.0).check("sound", 15.0)
    Span(0.0, 3.0, 10.0).check("sound", 3600.0)


def test_an_end_beyond_the_recording_is_its_end() -> None:
    Span(0.0, 1e9, 10.0).check("sound", 10.0)


def test_a_start_beyond_the_recording_is_refused() -> None:
    with pytest.raises(ValueError, match=r"starts at 4 s, after the end of the video at 3\.500 s"):
        Span(4.0).check("video", 3.5)


def test_too_long_a_part_is_refused() -> None:
    with pytest.raises(ValueError, match="sound lasts 36000 s, longer than the limit of 3600 s"):
        Span().check("sound", 36_000.0)
