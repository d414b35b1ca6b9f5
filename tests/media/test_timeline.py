from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnmm.media import timeline
from rnnmm.media.container import best_stream, open_media
from rnnmm.media.limits import Span
from rnnmm.media.timeline import Timeline, read_timeline

ALL = Span()


def timeline_of(path: Path, span: Span = ALL) -> Timeline:
    with open_media(path) as media:
        return read_timeline(media, best_stream(media, "video"), span)


def test_times_are_in_order_of_display(clip: Path) -> None:
    found = timeline_of(clip)
    np.testing.assert_allclose(found.times_s, np.arange(0, 2, 0.05), atol=1e-6)
    assert found.end_s == pytest.approx(2.0, abs=0.051) and found.seek_s == 0


@pytest.mark.parametrize("offset_ms", [0, 700])
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_times_count_from_the_first_picture(maker: Any, name: str, offset_ms: int) -> None:
    times_ms = [0, 40, 300, 340, 900]
    path = maker.gray_clip(name, [offset_ms + t for t in times_ms], max_b_frames=0)
    np.testing.assert_allclose(timeline_of(path).times_s * 1000, times_ms, atol=1)


def test_avi_has_only_an_order(maker: Any) -> None:
    path = maker.gray_clip("a.avi", range(0, 1000, 100), codec="mpeg4", max_b_frames=2)
    found = timeline_of(path)
    assert found.origin is None and len(found.times_s) == 10
    assert found.time_of(None, 3) == found.times_s[3]
    assert found.time_of(12345, 99) == found.times_s[-1]


def test_a_bare_stream_gets_its_nominal_rate(maker: Any) -> None:
    path = maker.gray_clip("a.h264", range(0, 400, 40), max_b_frames=0)
    found = timeline_of(path)
    assert len(found.times_s) == 10 and (np.diff(found.times_s) > 0).all()


def test_reading_stops_after_the_part_that_is_wanted(maker: Any) -> None:
    path = maker.gray_clip("a.mp4", range(0, 60_000, 1000))
    assert len(timeline_of(path, Span(0.0, 5.0)).times_s) < 12
    assert len(timeline_of(path, Span(max_duration_s=20.0)).times_s) < 27


def test_a_late_part_is_sought(maker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = maker.gray_clip("a.mp4", range(0, 30_000, 500), gop_size=10)
    found = timeline_of(path, Span(20.2, 21.0))
    assert found.seek_s > 0 and 10 < found.times_s[0] <= 20.2 < found.end_s
    monkeypatch.setattr(timeline, "_SEEK_BEYOND_S", 1e9)
    whole = timeline_of(path, Span(20.2, 21.0))
    assert whole.seek_s == 0
    np.testing.assert_allclose(found.times_s, whole.times_s[-len(found.times_s) :], atol=1e-9)


def test_no_pictures(maker: Any) -> None:
    options = {"movflags": "faststart"}
    data = maker.gray_clip("a.mp4", [0, 100], container_options=options).read_bytes()
    path = maker.file("b.mp4", data[: data.index(b"mdat") + 4])
    with pytest.raises(ValueError, match=r"holds no pictures \(zero duration\)"):
        timeline_of(path)
