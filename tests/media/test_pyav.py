from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from rnnmm.media import pyav, timeline
from rnnmm.media.frame import Fit, Geometry
from rnnmm.media.limits import Span
from rnnmm.media.shot import Shot
from rnnmm.media.video import decode_video

ALL = Span()


def frames_of(path: Path, rate: float, span: Span = ALL, fit: Fit = "stretch") -> np.ndarray:
    shot = Shot(rate, Geometry(24, 32, fit), span, 1 << 26, 1 << 30)
    frames = decode_video(path, shot, "pyav")
    assert frames is not None
    return frames


@pytest.fixture
def textured(maker: Any) -> Path:
    """Three seconds at 25 pictures/s with B-frames, some of which others refer to."""
    coarse = np.random.default_rng(0).integers(0, 256, (6, 30, 3), dtype=np.uint8)
    scene = cv2.resize(coarse, (64 + 300, 48), interpolation=cv2.INTER_CUBIC)
    pictures = [scene[:, 4 * k : 4 * k + 64] for k in range(75)]
    return maker.clip("t.mp4", pictures, range(0, 3000, 40), max_b_frames=4, gop_size=30)


@pytest.mark.parametrize("rate", [2.0, 5.0, 10.0, 12.5, 24.0])
@pytest.mark.parametrize("span", [ALL, Span(0.7, 1.9)])
def test_passing_over_pictures_changes_nothing(
    textured: Path, rate: float, span: Span, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[float] = []
    pictures = pyav.pictures

    def counted(*arguments: Any) -> Any:
        for time_s, frame in pictures(*arguments):
            decoded.append(time_s)
            yield time_s, frame

    monkeypatch.setattr(pyav, "pictures", counted)
    frames = frames_of(textured, rate, span)
    num_decoded = len(decoded)
    monkeypatch.setattr(pyav, "_wanted_ticks", lambda *_: None)
    np.testing.assert_array_equal(frames, frames_of(textured, rate, span))
    if rate <= 10:
        assert num_decoded < 0.8 * (len(decoded) - num_decoded)


def test_a_long_film_is_read_twice(textured: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = frames_of(textured, 10.0)
    monkeypatch.setattr(timeline, "_HELD_BYTES", 1000)
    np.testing.assert_array_equal(frames_of(textured, 10.0), expected)


def test_a_late_part_of_a_long_film(maker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = maker.gray_clip("a.mp4", range(0, 25_000, 500), gop_size=8, max_b_frames=2)
    expected = frames_of(path, 4.0, Span(18.2, 20.0))
    monkeypatch.setattr(timeline, "_HELD_BYTES", 10)
    np.testing.assert_array_equal(frames_of(path, 4.0, Span(18.2, 20.0)), expected)


@pytest.mark.parametrize("fit", ["stretch", "pad", "crop"])
@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_turned_pictures_keep_their_shape(maker: Any, fit: Fit, degrees: int) -> None:
    """As if the picture had been turned before it was fitted."""
    coarse = np.random.default_rng(1).integers(0, 256, (3, 5, 3), dtype=np.uint8)
    scene = cv2.resize(coarse, (96, 48), interpolation=cv2.INTER_CUBIC)
    lying = maker.clip("lying.mp4", [scene] * 3, range(0, 300, 100))
    upright_scene = np.ascontiguousarray(np.rot90(scene, -degrees // 90))
    upright = maker.clip("upright.mp4", [upright_scene] * 3, range(0, 300, 100))
    turned = frames_of(maker.turn(lying, degrees), 10.0, fit=fit)
    expected = frames_of(upright, 10.0, fit=fit)
    assert np.abs(turned.astype(int) - expected).mean() < 3
