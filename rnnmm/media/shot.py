"""What is wanted of a video, what is known of it, and which of its pictures that makes."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnmm.media.frame import Geometry
from rnnmm.media.limits import Span
from rnnmm.media.timeline import Timeline
from rnnmm.units import seconds_to_samples

TOLERANCE_S = 1e-3  # Matroska and FLV round time stamps to milliseconds

Frames = NDArray[np.uint8]


class Shot(NamedTuple):
    """What to take: frames per second, their size, the part in time, and the limits."""

    frame_rate: float
    geometry: Geometry
    span: Span
    max_pixels: int
    max_bytes: int

    def empty_frames(self, count: int) -> Frames:
        """Memory for so many frames, ``(T, H, W, 3)``."""
        return np.empty((count, self.geometry.height, self.geometry.width, 3), np.uint8)


class Source(NamedTuple):
    """A file's video stream.

    file_s: when the longest stream of the file ends, seconds. opencv_fault: why OpenCV must not
    read it; None: it may. pixel_aspect: displayed width of a pixel over its height.
    """

    path: Path
    timeline: Timeline
    file_s: float
    opencv_fault: str | None
    pixel_aspect: float


def frame_times(source: Source, shot: Shot) -> NDArray[np.float64]:
    """``(T,)`` seconds: what each frame is to show is what the video shows at this time.

    Raises:
        ValueError: The part that is wanted is not in the file, or too large.
    """
    span, end_s = shot.span, source.timeline.end_s
    span.check("video", end_s)
    span.check_end(max(end_s, source.file_s), end_s - float(source.timeline.times_s[-1]))
    stop_s = end_s if span.end_s is None else min(span.end_s, end_s)
    count = max(1, seconds_to_samples(stop_s - span.start_s, shot.frame_rate))
    size = count * shot.geometry.height * shot.geometry.width * 3
    if size > shot.max_bytes:
        raise ValueError(
            f"{count} frames take {size} bytes, more than the limit of {shot.max_bytes}"
        )
    return span.start_s + np.arange(count) / shot.frame_rate


def chosen(
    timeline: Timeline, targets_s: NDArray[np.float64], tolerance_s: float = TOLERANCE_S
) -> NDArray[np.int64]:
    """``(T,)`` which of the listed pictures is the last one at or before each time."""
    return np.searchsorted(timeline.times_s, targets_s + tolerance_s, side="right") - 1
