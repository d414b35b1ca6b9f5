"""Films for people: H.264 in an MP4 file that every player takes."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

_BT601, _LIMITED_RANGE = 6, 1  # AVColorSpace, AVColorRange
_MOST_PARTS = 1001  # of a second: 30000 / 1001 is a common rate


def write_film(path: Path, frames: Iterable[NDArray[np.uint8]], frame_rate: float) -> None:
    """Writes frames one after the other; no more than a few are held in memory.

    Args:
        path: of the file, whatever it ends in; what is there is overwritten.
        frames: ``(H, W, 3)`` uint8 each, RGB, all of one size, H and W even, as is told in
            halved colour; at least one.
        frame_rate: frames per second.

    Raises:
        ValueError: There are no frames, or their size is odd or changes.
    """
    size = None
    with av.open(str(path), "w", format="mp4") as file:
        for frame in frames:
            if size is None:
                size = frame.shape
                _check_size(size)
                stream = _stream(file, size, frame_rate)
            if frame.shape != size:
                raise ValueError(f"film: expected frames {size}, got {frame.shape}")
            file.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        if size is None:
            raise ValueError("film: expected at least one frame, got none")
        file.mux(stream.encode())


def _check_size(size: tuple[int, ...]) -> None:
    if len(size) != 3 or size[2] != 3 or size[0] % 2 or size[1] % 2:
        raise ValueError(f"film: expected frames (H, W, 3) with H and W even, got {size}")


def _stream(file: Any, size: tuple[int, ...], frame_rate: float) -> Any:
    rate = Fraction(frame_rate).limit_denominator(_MOST_PARTS)
    stream = file.add_stream("libx264", rate=rate, options={"preset": "veryfast", "crf": "20"})
    stream.height, stream.width, stream.pix_fmt = size[0], size[1], "yuv420p"
    codec = stream.codec_context
    codec.colorspace, codec.color_range, codec.thread_count = _BT601, _LIMITED_RANGE, 1
    return stream
