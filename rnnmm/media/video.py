"""Pictures of a video, chosen by time stamp and decoded by FFmpeg through PyAV or by OpenCV."""

import logging
from functools import partial
from pathlib import Path
from typing import Any, Literal

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from rnnmm.media.container import Media, best_stream, open_media
from rnnmm.media.image import STILL_FORMATS, decode_image
from rnnmm.media.opencv import opencv_fault, read_opencv
from rnnmm.media.pyav import read_pyav
from rnnmm.media.shot import Frames, Shot, Source, frame_times
from rnnmm.media.sniff import holds_only_sound, read_head
from rnnmm.media.timeline import read_timeline

_LOG = logging.getLogger(__name__)

Backend = Literal["opencv", "pyav"]


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
        backend: the one to try first. Both choose the same pictures; PyAV is faster, for it
            shrinks a picture before it makes RGB of it, so values differ by rounding.

    Returns:
        ``(T, H, W, 3)`` RGB; or None when there is no video in the file (cover art is none).

    Raises:
        ValueError: One sentence: nothing can open it, no pictures, too large or too long, starts
            or ends after its end, encrypted, or what the decoder said of a broken stream.
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
        source = _describe(media, stream, path, shot)
        return _decode(media, source, frame_times(source, shot), shot, backend)


def _describe(media: Media, stream: Any, path: Path, shot: Shot) -> Source:
    timeline = read_timeline(media, stream, shot.span)
    file_s = (media.container.duration or 0) / av.time_base
    fault = opencv_fault(media, stream, path, timeline.seek_s)
    return Source(path, timeline, file_s, fault, float(stream.sample_aspect_ratio or 1))


def _decode(
    media: Media, source: Source, targets_s: NDArray[np.float64], shot: Shot, backend: Backend
) -> Frames:
    by_pyav = partial(read_pyav, media)
    readers = (read_opencv, by_pyav) if backend == "opencv" else (by_pyav, read_opencv)
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
    fault = faults[readers.index(by_pyav)]  # FFmpeg says why, OpenCV only that
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
