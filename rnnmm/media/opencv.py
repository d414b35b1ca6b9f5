"""Pictures of a video as OpenCV decodes them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from rnnmm.media.container import Media
from rnnmm.media.frame import fit_picture
from rnnmm.media.shot import TOLERANCE_S, Frames, Shot, Source, chosen

_USUAL_PRIMARIES = (1, 2, 4, 5, 6, 7)  # BT.709, unspecified, analogue television
_HDR_CURVES = (16, 18)  # PQ, HLG


def opencv_fault(media: Media, stream: Any, path: Path, seek_s: float) -> str | None:
    """Why OpenCV cannot be trusted with a stream; None: it can."""
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


def read_opencv(source: Source, targets_s: NDArray[np.float64], shot: Shot) -> Frames:
    """The pictures shown at some times, as frames.

    Args:
        source: the video.
        targets_s: ``(T,)`` ascending.
        shot: the size of the frames.

    Returns:
        ``(T, H, W, 3)`` RGB.

    Raises:
        ValueError: OpenCV cannot be trusted with the file, or finds other pictures than listed.
        cv2.error: OpenCV's own.
    """
    if source.opencv_fault is not None:
        raise ValueError(source.opencv_fault)
    wanted = chosen(source.timeline, targets_s)  # (T,)
    frames = shot.empty_frames(len(targets_s))
    with opened(source.path) as capture:
        for index in _grabbed(capture, source.timeline.times_s[: wanted[-1] + 1]):
            first, stop = np.searchsorted(wanted, [index, index + 1])
            if first < stop:
                bgr: Any = capture.retrieve()[1]
                if bgr is None or bgr.size == 0:
                    raise ValueError("a picture could not be converted")
                small = fit_picture(bgr, shot.geometry, source.pixel_aspect)
                frames[first:stop] = cv2.cvtColor(small, cv2.COLOR_BGR2RGB)
    return frames


@contextmanager
def opened(path: Path) -> Iterator[cv2.VideoCapture]:
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
        if abs(time_s - first_s - listed_s) > TOLERANCE_S:
            raise ValueError(f"OpenCV's time stamps differ from the file's at {listed_s:.3f} s")
        yield index
