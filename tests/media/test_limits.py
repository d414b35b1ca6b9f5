from typing import Any

import numpy as np
import pytest

from rnnmm.media.decode import Decoding, decode
from rnnmm.media.limits import Span, believable_rate

SOUND, PICTURES = Decoding(sample_rate=16_000), Decoding(frame_rate=10.0, height=24, width=32)


@pytest.mark.parametrize(
    ("start_s", "end_s", "longest_s"), [(5.0, None, 15.0), (0.0, 10.0, 3600.0), (0.0, 1e9, 10.0)]
)
def test_the_part_is_what_counts_up_to_the_limit(
    start_s: float, end_s: float | None, longest_s: float
) -> None:
    Span(start_s, end_s, 10.0).check("sound", longest_s)
    with pytest.raises(ValueError, match=r"longer than the limit of 9\.9 s"):
        Span(start_s, end_s, 9.9).check("sound", longest_s)


def test_a_start_beyond_the_recording_is_refused() -> None:
    with pytest.raises(ValueError, match=r"starts at 4 s, after the end of the video at 3\.500 s"):
        Span(4.0).check("video", 3.5)


def test_an_end_beyond_the_recording_is_refused_but_for_rounding() -> None:
    Span(0.0, 7.249).check_end(7.2)
    Span(0.0, 7.3).check_end(7.2, step_s=0.1)
    Span(0.0, None).check_end(7.2)
    with pytest.raises(ValueError, match=r"^end 9 s lies beyond the end of the file \(7\.2 s\)$"):
        Span(0.0, 9.0).check_end(7.2, step_s=0.1)


def test_too_long_a_part_is_refused() -> None:
    with pytest.raises(ValueError, match="sound lasts 36000 s, longer than the limit of 3600 s"):
        Span().check("sound", 36_000.0)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg"])
def test_sound_is_not_believed_to_go_on(maker: Any, name: str, one_second: np.ndarray) -> None:
    path = maker.wav(name, one_second, 16_000)
    audio = decode(path, SOUND, 0.5, 1.04).audio
    assert audio is not None and len(audio) == 8000
    with pytest.raises(
        ValueError, match=r"^end 9 s lies beyond the end of the file \(1(\.0\d+)? s\)$"
    ):
        decode(path, SOUND, 0.5, 9.0)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_the_longest_stream_is_what_counts(maker: Any, name: str, one_second: np.ndarray) -> None:
    longer_pictures = maker.clip_with_sound(name, range(0, 2000, 100), one_second)
    audio = decode(longer_pictures, SOUND, 0.0, 2.0).audio
    assert audio is not None and 15_900 < len(audio) < 17_500
    longer_sound = maker.clip_with_sound(f"b{name}", range(0, 500, 50), one_second)
    frames = decode(longer_sound, PICTURES, 0.0, 1.0).frames
    assert frames is not None and len(frames) == 5
    for path, decoding in ((longer_pictures, SOUND), (longer_sound, PICTURES)):
        with pytest.raises(
            ValueError, match=r"^end 3 s lies beyond the end of the file \(.+ s\)$"
        ):
            decode(path, decoding, 0.0, 3.0)
    for backend in ("opencv", "pyav"):
        wanted = Decoding(frame_rate=10.0, backend=backend)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="end 9 s lies beyond"):
            decode(longer_pictures, wanted, 1.0, 9.0)


def test_bounds_are_counted_in_samples() -> None:
    assert Span(0.25, 1.5).bounds(16_000) == (4_000, 24_000)
    assert Span(0.1).bounds(44_100) == (4_410, None)


def test_a_rate_that_no_recording_has_is_refused() -> None:
    assert [believable_rate(rate) for rate in (1_000, 768_000)] == [1_000, 768_000]
    for rate in (999, 768_001):
        with pytest.raises(ValueError, match=rf"a sample rate of {rate} Hz cannot be true"):
            believable_rate(rate)
