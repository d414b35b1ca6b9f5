"""A film or a photo as people see it, picture by picture: its own shape and pace."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from rnnmm.media.container import best_stream, open_media
from rnnmm.media.frame import Geometry, Picture, fit_picture
from rnnmm.media.image import STILL_FORMATS, read_image
from rnnmm.media.limits import Span
from rnnmm.media.pyav import Reading, Screen, opened, pictures, quarter_turns
from rnnmm.media.shot import Source
from rnnmm.media.timeline import Timeline, read_timeline
from rnnmm.units import round_half_up

_LONGEST_PX, _LEAST_WIDTH_PX = 1280, 320  # what a screen shows; what lines of text need
_STILL_S, _STILL_RATE_HZ = 3.0, 10.0  # a photo is shown


class Footage(NamedTuple):
    """Pictures in time.

    frame_rate: pictures per second, on average. end_s: when the last one ends. start_s: what the
    clock of the file says at the first one. pictures: (time_s, ``(H, W, 3)`` uint8 RGB), the
    first at 0, all of one size, H and W even; to be taken once.
    """

    frame_rate: float
    end_s: float
    start_s: float
    pictures: Iterator[tuple[float, Picture]]


@contextmanager
def open_footage(path: Path, span: Span, max_pixels: int) -> Iterator[Footage]:
    """Opens what there is to see in a file; a photo stays for 3 s.

    Rotation in the file is undone, pixels are made square. No more than a few pictures are held
    in memory, and at most 64 MiB as it is in the file.

    Args:
        path: an existing regular file.
        span: from the start; how much is believed of the file.
        max_pixels: the largest picture in it, width x height.

    Raises:
        ValueError: One sentence, without the file's name: nothing can open it, no pictures,
            encrypted, or, also inside the block, what the decoder said of a broken stream.
    """
    cv2.setNumThreads(1)
    with open_media(path, max_pixels) as media:
        stream = best_stream(media, "video")
        if stream is None:
            raise ValueError("no video stream")
        if media.container.format.name in STILL_FORMATS:
            yield _still(path)
            return
        timeline = read_timeline(media, stream, span)
        source = Source(path, timeline, 0.0, None, float(stream.sample_aspect_ratio or 1))
        tick = stream.start_time or 0 if timeline.origin is None else timeline.origin
        with opened(media, source) as reading:
            shown = _upright(reading, timeline, source.pixel_aspect)
            rate = len(timeline.times_s) / timeline.end_s
            yield Footage(rate, timeline.end_s, float(tick * stream.time_base), shown)


def shown_size(height: int, width: int, pixel_aspect: float = 1.0) -> tuple[int, int]:
    """Even height and width at which a picture is shown, in pixels.

    Its shape stays: as large as it is, but at least 320 wide, for lines of text below it, and,
    which goes first, at most 1280 wide and high.

    Args:
        height: of the picture, upright, pixels.
        width: of it, pixels.
        pixel_aspect: width of one of its pixels over its height, as displayed.
    """
    across = width * pixel_aspect
    scale = min(max(1.0, _LEAST_WIDTH_PX / across), _LONGEST_PX / max(height, across))
    return _even(height * scale), _even(across * scale)


def _even(size: float) -> int:
    return 2 * max(1, round_half_up(size / 2))


def _still(path: Path) -> Footage:
    picture = read_image(path)
    size = shown_size(*picture.shape[:2])
    rgb = cv2.cvtColor(fit_picture(picture, Geometry(*size, "stretch")), cv2.COLOR_BGR2RGB)
    count = round_half_up(_STILL_S * _STILL_RATE_HZ)
    shown = (
        (number / _STILL_RATE_HZ, rgb.astype(np.uint8, copy=False)) for number in range(count)
    )
    return Footage(_STILL_RATE_HZ, _STILL_S, 0.0, shown)


def _upright(
    reading: Reading, timeline: Timeline, pixel_aspect: float
) -> Iterator[tuple[float, Picture]]:
    decoded = pictures(reading, timeline, None)
    first = next(decoded, None)
    if first is None:
        raise ValueError("no picture of the video stream can be decoded")
    size = _size_of(first[1], pixel_aspect)
    screen = Screen(Geometry(*size, "stretch"), pixel_aspect)
    # A recording may start between two key frames: its first picture then stands for those lost.
    for time_s, frame in chain([(0.0, first[1])], decoded):
        picture = np.empty((1, *size, 3), np.uint8)
        screen.show(frame, picture)
        yield time_s, picture[0]


def _size_of(frame: Any, pixel_aspect: float) -> tuple[int, int]:
    """Of a decoded picture, once upright."""
    if quarter_turns(frame) % 2:
        return shown_size(frame.width, frame.height, 1 / pixel_aspect)
    return shown_size(frame.height, frame.width, pixel_aspect)
