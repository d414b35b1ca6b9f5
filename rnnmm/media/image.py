"""Still pictures: one frame, turned as its EXIF orientation says."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray

from rnnmm.media.frame import Geometry, fit_picture

# FFmpeg's names of the formats that OpenCV reads; it undoes mirrored orientations too and
# reports truncation, where FFmpeg paints the missing part grey.
STILL_FORMATS = frozenset(
    ("jpeg_pipe", "png_pipe", "webp_pipe", "bmp_pipe", "tiff_pipe", "ppm_pipe", "pgm_pipe")
)


def decode_image(path: Path, geometry: Geometry) -> NDArray[np.uint8]:
    """Decodes a still picture, as `read_image` does, to one frame.

    Returns:
        ``(1, H, W, 3)`` RGB.
    """
    frame = fit_picture(read_image(path), geometry)
    return np.ascontiguousarray(frame[None, ..., ::-1])  # (1, H, W, 3)


def read_image(path: Path) -> NDArray[np.uint8]:
    """Decodes a still picture whose size has been checked. Transparency and depth are dropped.

    Returns:
        ``(h, w, 3)`` BGR, upright.

    Raises:
        ValueError: ``broken picture: ...`` with the decoder's reason, or it is animated.
    """
    data = path.read_bytes()
    if data[:4] == b"RIFF" and data[12:16] == b"VP8X" and data[20] & 2:
        raise ValueError("animated WebP is not supported; convert it to GIF or MP4")
    with _diverted_stderr() as said:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        reason = _last_line(said)
    if picture is None or "premature end" in reason.lower():
        raise ValueError(f"broken picture: {reason or 'truncated or corrupt'}")
    return picture.astype(np.uint8, copy=False)


@contextmanager
def _diverted_stderr() -> Iterator[BinaryIO]:
    """libjpeg and libpng write to the process's stderr and cannot be told not to."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as file:
        saved = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            yield file
        finally:
            os.dup2(saved, 2)
            os.close(saved)


def _last_line(file: BinaryIO) -> str:
    file.seek(0)
    lines = file.read(10_000).decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""
