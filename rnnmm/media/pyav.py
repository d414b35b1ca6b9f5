"""Pictures of a video as FFmpeg decodes them through PyAV."""

from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnmm.media.container import Media, best_stream, decode_packet, open_media, seek_to
from rnnmm.media.frame import Geometry, Picture, fit_picture
from rnnmm.media.planar import Shrinker
from rnnmm.media.shot import TOLERANCE_S, Frames, Shot, Source, chosen
from rnnmm.media.timeline import Timeline

_PROGRESSIVE = 1  # AVFieldOrder


def read_pyav(media: Media, source: Source, targets_s: NDArray[np.float64], shot: Shot) -> Frames:
    """The pictures shown at some times, as frames.

    Of H.264, pictures that are not wanted are not even decoded where no other picture refers to
    them: of a camera's film that is half of them.

    Args:
        media: the open file.
        source: the video.
        targets_s: ``(T,)`` ascending.
        shot: the size of the frames.

    Returns:
        ``(T, H, W, 3)`` RGB.

    Raises:
        ValueError: What the decoder said of a broken stream.
    """
    frames = shot.empty_frames(len(targets_s))
    times_s: list[float] = (targets_s + TOLERANCE_S).tolist()
    screen = Screen(shot.geometry, source.pixel_aspect)
    filled, held = 0, None
    with opened(media, source) as reading:
        wanted = _wanted_ticks(reading.codec, source.timeline, targets_s)
        for time_s, frame in pictures(reading, source.timeline, wanted):
            # Only now is it known how long the picture before this one was shown.
            until = bisect_left(times_s, time_s, filled)
            if held is not None and until > filled:
                screen.show(held, frames[filled:until])
                filled = until
            if filled == len(times_s):
                return frames
            held = frame
        if held is None:
            raise ValueError("no picture of the video stream can be decoded")
        screen.show(held, frames[filled:])
    return frames


class Reading(NamedTuple):
    """Packets that are still to be decoded, and what decodes them."""

    media: Media
    codec: Any
    packets: Iterator[Any]


@contextmanager
def opened(media: Media, source: Source) -> Iterator[Reading]:
    """The stream's packets from where the timeline begins."""
    stream: Any = best_stream(media, "video")
    if source.timeline.packets is not None:
        yield Reading(media, stream.codec_context, source.timeline.packets)
        return
    with open_media(source.path, media.max_pixels) as again:
        stream = best_stream(again, "video")
        if source.timeline.seek_s > 0:
            seek_to(again, stream, source.timeline.seek_s)
        yield Reading(again, stream.codec_context, again.container.demux(stream))


def _wanted_ticks(
    codec: Any, timeline: Timeline, targets_s: NDArray[np.float64]
) -> frozenset[int] | None:
    """The time stamps of the pictures that are wanted; None: all have to be decoded."""
    # In other codecs a picture that is no reference may still be one for some; fields come in two.
    is_sure = codec.name == "h264" and codec.field_order == _PROGRESSIVE
    if timeline.origin is None or not is_sure:
        return None
    # Where rounding could choose either of two pictures, both are decoded.
    around = [chosen(timeline, targets_s, TOLERANCE_S + margin) for margin in (-1e-6, 1e-6)]
    wanted = np.unique(around)
    if len(wanted) == len(timeline.times_s):
        return None
    ticks = np.rint(timeline.times_s[wanted] / timeline.tick_s).astype(np.int64)
    return frozenset((ticks + timeline.origin).tolist())


def pictures(
    reading: Reading, timeline: Timeline, wanted: frozenset[int] | None
) -> Iterator[tuple[float, Any]]:
    """Decoded pictures and when they are shown, in that order.

    Args:
        reading: from where the timeline begins.
        timeline: of the stream.
        wanted: time stamps of those that must be among them; None: all.

    Yields:
        (seconds since the first picture of the stream, PyAV's frame).

    Raises:
        ValueError: What the decoder said of a broken stream.
    """
    media, codec, packets = reading
    count, skipped, now_s, total, said = 0, 0, 0.0, len(timeline.times_s), ""
    was_wanted = True
    for packet in packets:
        is_wanted = wanted is None or packet.pts is None or packet.pts in wanted
        if is_wanted != was_wanted:
            codec.skip_frame = "DEFAULT" if is_wanted else "NONREF"
        was_wanted = is_wanted
        skipped += not is_wanted
        try:
            decoded = decode_packet(media, packet)
        except ValueError as error:
            said = f": {error}"
            if count > 0:
                raise ValueError(
                    f"broken video stream after {count} of {total} pictures{said}"
                ) from error
            continue  # a recording may start between two key frames
        for frame in decoded:
            now_s = max(now_s, timeline.time_of(frame.pts, count))
            yield now_s, frame
            count += 1
    if count * 2 < total - skipped:
        raise ValueError(f"broken video stream: {count} of {total} pictures can be decoded{said}")


class Screen:
    """Puts decoded pictures, upright, into frames.

    Args:
        geometry: of the frames.
        pixel_aspect: width of a source pixel over its height, as displayed.
    """

    def __init__(self, geometry: Geometry, pixel_aspect: float) -> None:
        height, width, fit = geometry
        self._upright = Shrinker(geometry, pixel_aspect)
        self._lying = Shrinker(Geometry(width, height, fit), 1 / pixel_aspect)

    def show(self, frame: Any, out: Frames) -> None:
        """Fills frames ``(n, H, W, 3)`` with one picture."""
        turns = quarter_turns(frame)
        if turns == 0:
            _fit(frame, self._upright, out[0])
        else:
            shrinker = self._lying if turns % 2 else self._upright
            lying = np.empty((*shrinker.geometry[:2], 3), np.uint8)
            _fit(frame, shrinker, lying)
            out[0] = np.rot90(lying, turns)
        if len(out) > 1:
            out[1:] = out[0]


def quarter_turns(frame: Any) -> int:
    """How often a decoded picture has to be turned to the left to stand upright: 0 to 3."""
    return int(round(frame.rotation / 90) % 4)


def _fit(frame: Any, shrinker: Shrinker, out: Picture) -> None:
    if not shrinker.shrink(frame, out):
        # Bicubic, as OpenCV converts: where chroma must be interpolated the two then agree.
        rgb: Any = frame.reformat(format="rgb24", interpolation="BICUBIC", threads=1).to_ndarray()
        out[:] = fit_picture(rgb, shrinker.geometry, shrinker.pixel_aspect)
