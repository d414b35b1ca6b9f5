"""From an untrusted file to arrays: what is in it decides how it is read, never its name."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from rnnmm.domain import Positive, Range, Size
from rnnmm.media.array import is_array_file, read_array
from rnnmm.media.audio import decode_audio
from rnnmm.media.film import Film, encode_film
from rnnmm.media.frame import Fit, Geometry
from rnnmm.media.limits import Span
from rnnmm.media.shot import Shot
from rnnmm.media.sphinx import is_feature_file, read_features
from rnnmm.media.video import Backend, decode_video

Storage = Literal["raw", "h264"]

_CHOICES = {"fit": get_args(Fit), "backend": get_args(Backend), "frames": get_args(Storage)}


@dataclass(frozen=True, slots=True)
class Decoding:
    """What to take out of a file, and how much at most.

    Args:
        sample_rate: Hz of the 16-bit mono sound; None: sound is not wanted.
        frame_rate: frames per second, chosen by time stamp; None: pictures are not wanted.
        height: of the stored frames, pixels.
        width: of the stored frames, pixels.
        fit: how another shape is brought to theirs, see `rnnmm.media.frame.Geometry`.
        backend: the video decoder to try first; both choose the same pictures, pyav is faster.
        frames: how frames are stored: "raw", or as "h264", about 1/20 of that, which makes clips
            of 16 frames some 60 times slower to read than raw ones (2 ms).
        gop_size: of H.264: frames in a group; a random clip decodes half of one in vain.
        crf: of H.264: x264's rate factor, 0 to 51; 18 is said to look the same as raw.
        max_duration_s: the longest item, seconds.
        max_pixels: the largest picture in a file, width x height.
        max_bytes: the most that the frames of one item may take, bytes.

    Raises:
        ValueError: A number is out of range.
    """

    sample_rate: Size | None = None
    frame_rate: Positive | None = None
    height: Size = 112
    width: Size = 112
    fit: Fit = "stretch"
    backend: Backend = "pyav"
    frames: Storage = "raw"
    gop_size: Size = 16
    crf: Annotated[float, Range(0, 51)] = 18.0
    max_duration_s: Positive = 3600.0
    max_pixels: Size = 1 << 26
    max_bytes: Size = 1 << 30

    def __post_init__(self) -> None:
        for name in ("sample_rate", "frame_rate", "height", "width", "gop_size", "max_duration_s"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise ValueError(f"Decoding.{name}: expected a number above 0, got {value!r}")
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                wanted = " or ".join((", ".join(choices[:-1]), choices[-1]))
                raise ValueError(
                    f"Decoding.{name}: expected {wanted}, got {getattr(self, name)!r}"
                )
        if not 0 <= self.crf <= 51:
            raise ValueError(f"Decoding.crf: expected a number from 0 to 51, got {self.crf!r}")


@dataclass(frozen=True, slots=True)
class Decoded:
    """What came out of a file; None: not wanted, or not in it.

    Args:
        audio: ``(N,)`` int16, mono at ``sample_rate``.
        frames: ``(T, H, W, 3)`` uint8, RGB at ``frame_rate``, where they are to be stored raw.
        features: ``(T, F)`` float32, computed by others.
        film: the frames where they are to be stored as H.264.
    """

    audio: NDArray[np.int16] | None = None
    frames: NDArray[np.uint8] | None = None
    features: NDArray[np.float32] | None = None
    film: Film | None = None


def decode(
    path: Path, decoding: Decoding, start_s: float | None = None, end_s: float | None = None
) -> Decoded:
    """Decodes the wanted streams of one file.

    A wanted stream that is not in the file is None in the result, as long as another is. One
    that is in the file but broken is an error: an item is never silently half there. A file of
    stored features gives its features whatever is wanted. A still picture is one frame, whatever
    the times. Only the file itself is read, in one thread, and no more of it is kept in memory
    than the result, one block or a few pictures, and at most 64 MiB as it is in the file.

    Args:
        path: the file.
        decoding: what is wanted.
        start_s: where the item starts, seconds from the start of each stream; None: 0.
        end_s: where it ends, exclusive; None: the end of the file, which it may not lie beyond.

    Raises:
        ValueError: One sentence that says why there is nothing to give, without the file's name:
            ``no such file``, ``empty file (0 bytes)``, ``not a media file: JSON text``,
            ``no audio stream``, ``truncated or corrupt MP4 file: moov atom not found``,
            ``end 9 s lies beyond the end of the file (7.2 s)``, ...
    """
    path = Path(os.path.abspath(path))
    _check_file(path)
    span = _span(start_s, end_s, decoding.max_duration_s)
    if is_feature_file(path):
        return Decoded(features=read_features(path, span))
    if is_array_file(path):
        return Decoded(features=read_array(path, span))
    audio, frames = None, None
    try:
        if decoding.sample_rate is not None:
            audio = decode_audio(path, decoding.sample_rate, span)
        if decoding.frame_rate is not None:
            frames = decode_video(path, _shot(decoding, span), decoding.backend)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror or error}") from error
    if audio is None and frames is None:
        raise ValueError(_nothing(decoding))
    if frames is not None and decoding.frames == "h264":
        return Decoded(audio, film=encode_film(frames, decoding.gop_size, decoding.crf))
    return Decoded(audio, frames)


def _check_file(path: Path) -> None:
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        raise ValueError(f"no such file, or no way to it ({error})") from error
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("not a regular file (a folder, a pipe or a device)")
    if status.st_size == 0:
        raise ValueError("empty file (0 bytes)")


def _span(start_s: float | None, end_s: float | None, max_duration_s: float) -> Span:
    start = 0.0 if start_s is None else start_s
    if not 0 <= start < float("inf") or (end_s is not None and not end_s > start):
        raise ValueError(f"expected 0 <= start < end, got start {start_s} s and end {end_s} s")
    return Span(start, end_s, max_duration_s)


def _shot(decoding: Decoding, span: Span) -> Shot:
    assert decoding.frame_rate is not None
    geometry = Geometry(decoding.height, decoding.width, decoding.fit)
    return Shot(decoding.frame_rate, geometry, span, decoding.max_pixels, decoding.max_bytes)


def _nothing(decoding: Decoding) -> str:
    if decoding.sample_rate is None and decoding.frame_rate is None:
        return "no stored features, and neither sound nor pictures are wanted"
    if decoding.frame_rate is None:
        return "no audio stream"
    return "no video stream" if decoding.sample_rate is None else "no audio or video stream"
