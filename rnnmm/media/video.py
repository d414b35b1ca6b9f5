"""Pictures of a video, chosen by time stamp and decoded by OpenCV or by FFmpeg through PyAV."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from rnnmm.media.container import Media, best_stream, decode_packet, open_media, seek_to
from rnnmm.media.frame import Geometry, Picture, fit_picture
from rnnmm.media.image import STILL_FORMATS, decode_image
from rnnmm.media.limits import Span
from rnnmm.media.sniff import holds_only_sound, read_head
from rnnmm.media.timeline import Timeline, read_timeline
from rnnmm.units import seconds_to_samples

_LOG = logging.getLogger(__name__)
_TOLERANCE_S = 1e-3  # Matroska and FLV round time stamps to milliseconds
_USUAL_PRIMARIES = (1, 2, 4, 5, 6, 7)  # BT.709, unspecified, analogue television
_HDR_CURVES = (16, 18)  # PQ, HLG

Backend = Literal["opencv", "pyav"]
Frames = NDArray[np.uint8]


class Shot(NamedTuple):
    """What to take: frames per second, their size, the part in time, and the limits."""

    frame_rate: float
    geometry: Geometry
    span: Span
    max_pixels: int
    max_bytes: int


class _Source(NamedTuple):
    """A file's video stream.

    opencv_fault: why OpenCV must not read it; None: it may. pixel_aspect: displayed width of a
    pixel over its height.
    """

    path: Path
    timeline: Timeline
    opencv_fault: str | None
    pixel_aspect: float


def decode_video(path: Path, shot: Shot, backend: Backend) -> Frames | None:
    """Decodes the pictures of a file's video, or its one still picture.

    Frame k is the last picture whose time stamp is at or before ``start + k / frame_rate``,
    counted from the first picture (variable rates, offsets and edit lists need no care), and
    there are ``duration x frame_rate`` of them, rounded half up, at least 1. Rotation in the
    file is undone; wide-gamut and HDR pictures keep their values. Only the chosen pictures are
    converted. Where OpenCV cannot read the file, its time stamps are not those of the file, or
    the span starts so late that seeking pays, PyAV takes over; and OpenCV where PyAV fails.

    Args:
        path: an existing regular file, absolute.
        shot: what to take.
        backend: the one to try first. Both give the same frames.

    Returns:
        ``(T, H, W, 3)`` RGB; or None when there is no video in the file (cover art is none).

    Raises:
        ValueError: One sentence: nothing can open it, no pictures, too large or too long, starts
            after its end, encrypted, or what the decoder said of a broken stream.
    """
    if holds_only_sound(read_head(path)):
        return None
    cv2.setNumThreads(1)
    with open_media(path, shot.max_pixels) as media:
        stream = best_stream(media, "video")
        if stream is None:
            return None
        _check_size(media, stream)
        if media.container.format.name in STILL_FORMATS:
            return decode_image(path, shot.geometry)
        timeline = read_timeline(media, stream, shot.span)
        fault = _opencv_fault(media, stream, path, timeline.seek_s)
        source = _Source(path, timeline, fault, float(stream.sample_aspect_ratio or 1))
    return _decode(source, _targets(source.timeline, shot), shot, backend)


def _decode(
    source: _Source, targets_s: NDArray[np.float64], shot: Shot, backend: Backend
) -> Frames:
    readers = (_read_opencv, _read_pyav) if backend == "opencv" else (_read_pyav, _read_opencv)
    faults: list[Exception] = []
    for reader in readers:
        try:
            frames = reader(source, targets_s, shot)
        except (ValueError, cv2.error) as error:
            faults.append(error)
            continue
        if faults:
            _LOG.info("%s: decoded by the second backend; the first: %s", source.path, faults[0])
        return frames
    fault = faults[readers.index(_read_pyav)]  # FFmpeg says why, OpenCV only that
    raise ValueError(str(fault)) from fault


def _check_size(media: Media, stream: Any) -> None:
    width, height = stream.codec_context.width, stream.codec_context.height
    if width * height > media.max_pixels:
        raise ValueError(
            f"a picture of {width} x {height} is larger than the limit of "
            f"{media.max_pixels} pixels"
        )
    if width * height == 0 and media.logs:  # a still picture that FFmpeg did not want to open
        said = media.logs[0][2].split(",")[0].strip()
        raise ValueError(f"no picture within the limit of {media.max_pixels} pixels: {said}")


def _opencv_fault(media: Media, stream: Any, path: Path, seek_s: float) -> str | None:
    if stream.index != media.container.streams.video[0].index:
        return "OpenCV takes the first video stream, which is not the main one"
    if "%" in path.name:
        return "OpenCV takes a name with % as the pattern of many names"
    if any("\udc80" <= letter <= "\udcff" for letter in str(path)):
        return "OpenCV crashes on a name that is not UTF-8"
    if seek_s > 0:
        return "OpenCV cannot seek by time stamp"
    codec = stream.codec_context
    if codec.color_primaries not in _USUAL_PRIMARIES or codec.color_trc in _HDR_CURVES:
        return "OpenCV takes seconds to set up its conversion of wide-gamut colours"
    return None


def _targets(timeline: Timeline, shot: Shot) -> NDArray[np.float64]:
    span = shot.span
    span.check("video", timeline.end_s)
    stop_s = timeline.end_s if span.end_s is None else min(span.end_s, timeline.end_s)
    count = max(1, seconds_to_samples(stop_s - span.start_s, shot.frame_rate))
    size = count * shot.geometry.height * shot.geometry.width * 3
    if size > shot.max_bytes:
        raise ValueError(
            f"{count} frames take {size} bytes, more than the limit of {shot.max_bytes}"
        )
    return span.start_s + np.arange(count) / shot.frame_rate


def _read_opencv(source: _Source, targets_s: NDArray[np.float64], shot: Shot) -> Frames:
    if source.opencv_fault is not None:
        raise ValueError(source.opencv_fault)
    times_s = source.timeline.times_s
    wanted = np.searchsorted(times_s, targets_s + _TOLERANCE_S, side="right") - 1  # (T,)
    frames = _empty(len(targets_s), shot)
    with _opened(source.path) as capture:
        for index in _grabbed(capture, times_s[: wanted[-1] + 1]):
            first, stop = np.searchsorted(wanted, [index, index + 1])
            if first < stop:
                bgr = _rendered(capture.retrieve()[1], source, shot)
                frames[first:stop] = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
    return frames


@contextmanager
def _opened(path: Path) -> Iterator[cv2.VideoCapture]:
    """OpenCV's reader, one thread, without a word on stderr."""
    # Read once, when OpenCV first opens a video: nothing else silences its FFmpeg.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
        try:
            yield capture
        finally:
            capture.release()
    finally:
        cv2.utils.logging.setLogLevel(level)


def _grabbed(capture: cv2.VideoCapture, times_s: NDArray[np.float64]) -> Iterator[int]:
    """Steps OpenCV through the pictures, checking that each is the one that the file lists."""
    first_s = 0.0
    for index, listed_s in enumerate(times_s):
        if not capture.grab():
            raise ValueError(f"OpenCV decoded {index} of {len(times_s)} pictures")
        time_s = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        first_s = time_s if index == 0 else first_s
        if abs(time_s - first_s - listed_s) > _TOLERANCE_S:
            raise ValueError(f"OpenCV's time stamps differ from the file's at {listed_s:.3f} s")
        yield index


def _read_pyav(source: _Source, targets_s: NDArray[np.float64], shot: Shot) -> Frames:
    frames = _empty(len(targets_s), shot)
    filled, held = 0, None
    with open_media(source.path, shot.max_pixels) as media:
        for time_s, frame in _pictures(media, source.timeline):
            # Only now is it known how long the picture before this one was shown.
            until = int(np.searchsorted(targets_s, time_s - _TOLERANCE_S))
            if held is not None and until > filled:
                frames[filled:until] = _rendered(_upright_rgb(held), source, shot)
                filled = until
            if filled == len(targets_s):
                return frames
            held = frame
        if held is None:
            raise ValueError("no picture of the video stream can be decoded")
        frames[filled:] = _rendered(_upright_rgb(held), source, shot)
    return frames


def _pictures(media: Media, timeline: Timeline) -> Iterator[tuple[float, Any]]:
    """Decoded pictures and when they are shown, in that order."""
    stream = best_stream(media, "video")
    assert stream is not None
    if timeline.seek_s > 0:
        seek_to(media, stream, timeline.seek_s)
    count, now_s, total, said = 0, 0.0, len(timeline.times_s), ""
    for packet in media.container.demux(stream):
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
    if count * 2 < total:
        raise ValueError(f"broken video stream: {count} of {total} pictures can be decoded{said}")


def _upright_rgb(frame: Any) -> Picture:
    # Bicubic, as OpenCV converts: where chroma must be interpolated the two then agree.
    rgb: Picture = frame.reformat(format="rgb24", interpolation="BICUBIC", threads=1).to_ndarray()
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(rgb, turns)) if turns else rgb


def _rendered(picture: Any, source: _Source, shot: Shot) -> Picture:
    if picture is None or picture.size == 0:
        raise ValueError("a picture could not be converted")
    return fit_picture(picture, shot.geometry, source.pixel_aspect)


def _empty(count: int, shot: Shot) -> Frames:
    return np.empty((count, shot.geometry.height, shot.geometry.width, 3), np.uint8)
