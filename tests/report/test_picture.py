import base64
import io

import numpy as np
import pytest
from PIL import Image, ImageSequence

from rnnmm.report.picture import CLIP_FRAMES, STRIP_FRAMES, animate, choose_evenly, strip


def shades(steps: int, height: int = 24, width: int = 32) -> np.ndarray:
    """Frames of one grey each, from dark to light."""
    levels = np.linspace(0, 255, steps).astype(np.uint8)
    return np.broadcast_to(levels[:, None, None, None], (steps, height, width, 3)).copy()


def opened(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 100])
def test_choice_is_even_and_within_range(count: int) -> None:
    chosen = choose_evenly(count, 8)
    assert len(chosen) == min(count, 8)
    assert chosen[0] >= 0 and chosen[-1] < count
    gaps = np.diff(chosen)
    assert count == 1 or (gaps.min() >= 1 and gaps.max() - gaps.min() <= 1)


def test_strip_shows_frames_in_order() -> None:
    pictures = [opened(uri) for uri in strip(shades(40))]
    assert len(pictures) == STRIP_FRAMES
    levels = [np.asarray(picture.convert("L")).mean() for picture in pictures]
    expected = shades(40)[choose_evenly(40, STRIP_FRAMES)].mean(axis=(1, 2, 3))
    assert np.allclose(levels, expected, atol=2)


def test_pictures_are_fitted_but_never_enlarged() -> None:
    assert [opened(uri).size for uri in strip(shades(2, 24, 32))] == [(32, 24)] * 2
    assert [opened(uri).size for uri in strip(shades(2, 320, 640))] == [(160, 80)] * 2
    assert [opened(uri).size for uri in strip(shades(1, 600, 800))] == [(400, 300)]


@pytest.mark.parametrize("steps", [5, 200])
def test_clip_keeps_its_duration(steps: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (steps, 24, 32, 3), dtype=np.uint8)
    clip = opened(animate(noise, frame_rate=25.0))
    # The duration of a frame is known once the frame is read.
    durations_ms = [frame.copy().info["duration"] for frame in ImageSequence.Iterator(clip)]
    assert len(durations_ms) == min(steps, CLIP_FRAMES)
    assert sum(durations_ms) == pytest.approx(40 * steps, abs=len(durations_ms))
    assert clip.format == "WEBP" and clip.info["loop"] == 0
