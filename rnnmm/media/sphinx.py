"""Feature files of CMU Sphinx (``.mfc``): frames of 13 cepstral coefficients made by others."""

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rnnmm.media.limits import Span
from rnnmm.units import seconds_to_samples

NUM_CEPSTRA = 13
FRAME_RATE = 100.0  # Hz: Sphinx's default, and AN4's
_VALUE_BYTES = 4


def is_feature_file(path: Path) -> bool:
    """Whether the first four bytes count exactly the values that follow them."""
    with open(path, "rb") as file:
        head = file.read(_VALUE_BYTES)
    size = path.stat().st_size
    if len(head) < _VALUE_BYTES or size < _VALUE_BYTES * (1 + NUM_CEPSTRA):
        return False
    count: int = struct.unpack(">i", head)[0]
    return size == _VALUE_BYTES * (1 + count) and count % NUM_CEPSTRA == 0


def read_features(path: Path, span: Span) -> NDArray[np.float32]:
    """Reads the frames between two times.

    Args:
        path: a file for which `is_feature_file` holds: a big-endian int32 count, then that many
            big-endian float32.
        span: cut at whole frames.

    Returns:
        ``(T, 13)`` at `FRAME_RATE`.

    Raises:
        ValueError: Longer than the limit; starts after its end; NaN or infinite values.
    """
    num_frames = (path.stat().st_size // _VALUE_BYTES - 1) // NUM_CEPSTRA
    span.check("features", num_frames / FRAME_RATE)
    span.check_end(num_frames / FRAME_RATE)
    start = seconds_to_samples(span.start_s, FRAME_RATE)
    end = num_frames if span.end_s is None else seconds_to_samples(span.end_s, FRAME_RATE)
    stop = min(num_frames, end)
    row_bytes = NUM_CEPSTRA * _VALUE_BYTES
    count = (stop - start) * NUM_CEPSTRA
    values = np.fromfile(path, ">f4", count, offset=_VALUE_BYTES + start * row_bytes)
    if not np.isfinite(values).all():
        raise ValueError("the features have NaN or infinite values")
    return values.reshape(-1, NUM_CEPSTRA).astype(np.float32)  # (T, 13)
