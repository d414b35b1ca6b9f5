"""Films for people: H.264 and AAC in an MP4 file that every player takes."""

import math
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from rnnmm.media.footage import Footage
from rnnmm.media.playback import Playback
from rnnmm.units import seconds_to_samples

_BT601, _LIMITED_RANGE = 6, 1  # AVColorSpace, AVColorRange
_MOST_PARTS = 1001  # of a second: 30000 / 1001 is a common rate
# Without B-frames: packets in another order than pictures could not say how long each is shown.
_X264 = {"preset": "veryfast", "crf": "20", "bf": "0"}
_TICK_HZ = 90_000  # of time stamps: a picture lasts a whole number of these at all usual rates


class _Shown(NamedTuple):
    """A picture, and from when to when it is shown, ticks."""

    start: int
    stop: int
    picture: NDArray[np.uint8]


def write_film(path: Path, footage: Footage, playback: Playback | None = None) -> None:
    """Writes pictures and sound; no more than a few seconds of them are held in memory.

    A picture that comes no later than the one before it is left out.

    Args:
        path: of the file, whatever it ends in; what is there is overwritten.
        footage: at least one picture; all of one size, H and W even, as is told in halved colour.
        playback: sound beside it; None: there is none.

    Raises:
        ValueError: There are no pictures, or their size is odd or changes.
    """
    shown = _timed(footage)
    first = next(shown, None)
    if first is None:
        raise ValueError("film: expected at least one frame, got none")
    size = first.picture.shape
    _check_size(size)
    with av.open(str(path), "w", format="mp4") as file:
        stream = _picture_stream(file, size, footage.frame_rate)
        heard = _open_sound(file, playback)
        lengths: dict[int, int] = {}  # of the pictures inside the encoder, by their start; ticks
        heard_s = 0.0
        for one in chain([first], shown):
            if one.picture.shape != size:
                raise ValueError(f"film: expected frames {size}, got {one.picture.shape}")
            lengths[one.start] = one.stop - one.start
            file.mux(_encoded(stream, _video_frame(one), lengths))
            while heard_s < one.stop / _TICK_HZ:
                heard_s = next(heard, math.inf)
        file.mux(_encoded(stream, None, lengths))
        for _ in heard:
            pass


def _timed(footage: Footage) -> Iterator[_Shown]:
    start, held = 0, None
    for time_s, picture in footage.pictures:
        now = seconds_to_samples(time_s, _TICK_HZ)
        if held is None or now > start:
            if held is not None:
                yield _Shown(start, now, held)
            start, held = now, picture
    if held is not None:
        yield _Shown(start, max(start + 1, seconds_to_samples(footage.end_s, _TICK_HZ)), held)


def _check_size(size: tuple[int, ...]) -> None:
    if len(size) != 3 or size[2] != 3 or size[0] % 2 or size[1] % 2:
        raise ValueError(f"film: expected frames (H, W, 3) with H and W even, got {size}")


def _picture_stream(file: Any, size: tuple[int, ...], frame_rate: float) -> Any:
    rate = Fraction(frame_rate).limit_denominator(_MOST_PARTS)
    stream = file.add_stream("libx264", rate=rate, options=_X264)
    stream.height, stream.width, stream.pix_fmt = size[0], size[1], "yuv420p"
    codec = stream.codec_context
    codec.time_base = Fraction(1, _TICK_HZ)
    codec.colorspace, codec.color_range, codec.thread_count = _BT601, _LIMITED_RANGE, 1
    return stream


def _video_frame(one: _Shown) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(one.picture, format="rgb24")
    frame.pts, frame.time_base = one.start, Fraction(1, _TICK_HZ)
    return frame


def _encoded(stream: Any, frame: av.VideoFrame | None, lengths: dict[int, int]) -> list[Any]:
    """Packets that say how long their pictures are shown, which x264 takes to be always alike."""
    packets = stream.encode(frame)
    for packet in packets:
        packet.duration = lengths.pop(packet.pts)
    return packets  # type: ignore[no-any-return]


def _open_sound(file: Any, playback: Playback | None) -> Iterator[float]:
    if playback is None:
        return iter(())
    layout = ("mono", "stereo")[playback.num_channels - 1]
    stream = file.add_stream("aac", rate=playback.sample_rate, layout=layout)
    return _muxed(file, stream, playback)


def _muxed(file: Any, stream: Any, playback: Playback) -> Iterator[float]:
    """Writes a block with each step and says how far the sound has come, seconds."""
    count = 0
    for block in playback.blocks:
        if block.shape[1] > 0:
            samples: Any = np.ascontiguousarray(block)
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout=stream.layout.name)
            frame.sample_rate, frame.pts = playback.sample_rate, count
            frame.time_base = Fraction(1, playback.sample_rate)
            file.mux(stream.encode(frame))
            count += block.shape[1]
        yield count / playback.sample_rate
    file.mux(stream.encode())
