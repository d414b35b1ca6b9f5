"""Vectors that others computed, one a frame, in NumPy's format (``.npy``)."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rnnmm.media.limits import Span

_MAGIC = b"\x93NUMPY"
_MAX_BYTES = 1 << 30


def is_array_file(path: Path) -> bool:
    """Whether the file begins as NumPy's do."""
    with open(path, "rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def read_array(path: Path, span: Span) -> NDArray[np.float32]:
    """Reads all vectors: how many there are a second, the file does not say.

    Args:
        path: a file for which `is_array_file` holds.
        span: without start and end.

    Returns:
        ``(T, F)``.

    Raises:
        ValueError: A part is asked for; other than a table of numbers; more than 1 GiB; NaN or
            infinite values; a damaged file.
    """
    if span.start_s or span.end_s is not None:
        raise ValueError("a file of vectors has no times: give no start and no end")
    if path.stat().st_size > _MAX_BYTES:
        raise ValueError(f"more than {_MAX_BYTES >> 20} MiB of vectors")
    try:
        values = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(f"no readable NumPy array: {error}") from error
    if values.ndim != 2 or not values.size or values.dtype.kind not in "fiu":
        raise ValueError(
            f"expected a table of numbers (T, F), got {values.dtype} {tuple(values.shape)}"
        )
    vectors = np.array(values, np.float32, order="C")  # (T, F)
    if not np.isfinite(vectors).all():
        raise ValueError("the features have NaN or infinite values")
    return vectors
