"""Sound of any file as 16-bit mono at one rate, read in blocks so that memory stays bounded."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from rnnmm.media.limits import Span, believable_rate
from rnnmm.media.sniff import is_sound_file, read_head
from rnnmm.media.soundtrack import BLOCK_VALUES, Mono, Signal, open_soundtrack
from rnnmm.units import round_half_up

_LOG = logging.getLogger(__name__)
_UNKNOWN_COUNT = 1 << 62  # libsndfile gives about 2^63 where a FLAC header leaves the count open
_Opener = Callable[[Path, Span], AbstractContextManager[Signal | None]]


def decode_audio(path: Path, sample_rate: int, span: Span) -> NDArray[np.int16] | None:
    """Decodes the sound of a file: channels averaged, resampled, rounded to 16 bits.

    16-bit mono at ``sample_rate`` comes out unchanged; values beyond full scale are clipped.
    libsndfile reads WAV, AIFF, FLAC, Ogg and the like; FFmpeg everything else, and what libsndfile
    cannot open or does not read to the end of the file. What libsndfile finds damaged is not
    tried again: it checks FLAC's checksums, FFmpeg plays the noise. Where a header's length and
    what can be decoded differ, what can be decoded counts. Resampling is soxr's "HQ": it streams,
    and it comes with librosa.

    Args:
        path: an existing regular file, absolute.
        sample_rate: Hz, of the result.
        span: cut at whole samples of the source, before resampling.

    Returns:
        ``(N,)`` with N = source samples x ``sample_rate`` / source rate, rounded half up, at
        least 1; or None when there is no sound in the file.

    Raises:
        ValueError: One sentence: nothing can open it, no samples, a rate that cannot be true, NaN
            or infinite samples, longer than the limit, starts or ends after its end, encrypted,
            or what the decoder said of a broken stream.
    """
    fault = None
    if is_sound_file(read_head(path)):
        try:
            return _decoded_by(partial(_open_sndfile, sample_rate), path, sample_rate, span)
        except _Damage:
            raise
        except ValueError as error:
            fault = error
    audio = _decoded_by(open_soundtrack, path, sample_rate, span)
    if fault is not None:
        _LOG.info("%s: decoded by FFmpeg; libsndfile: %s", path, fault)
    return audio


class _Forward(soundfile.SoundFile):  # type: ignore[misc]
    """Without soundfile's seek after each block: it fails where a FLAC header counts wrongly."""

    def seekable(self) -> bool:
        return False


class _Damage(ValueError):
    """The decoder that checks most has found damage: no other one is to hide it."""


def _decoded_by(
    opener: _Opener, path: Path, sample_rate: int, span: Span
) -> NDArray[np.int16] | None:
    with opener(path, span) as signal:
        return None if signal is None else _decode(signal, sample_rate, span)


def _decode(signal: Signal, sample_rate: int, span: Span) -> NDArray[np.int16]:
    checked = _checked(signal, span)
    if signal.sample_rate == sample_rate:
        return np.concatenate([_quantised(block) for block in checked])
    resampler = soxr.ResampleStream(signal.sample_rate, sample_rate, 1, "float32", "HQ")
    count, pieces = 0, []
    for block in checked:
        count += len(block)
        pieces.append(_quantised(resampler.resample_chunk(block)))
    pieces.append(_quantised(resampler.resample_chunk(np.zeros(0, np.float32), last=True)))
    length = max(1, round_half_up(count * sample_rate / signal.sample_rate))
    samples = np.concatenate(pieces)[:length]
    # soxr may end a sample early or late.
    missing = length - len(samples)
    return np.pad(samples, (0, missing)) if missing else samples


def _checked(signal: Signal, span: Span) -> Iterator[Mono]:
    count = 0
    for block in signal.blocks:
        count += len(block)
        if count > span.max_duration_s * signal.sample_rate:
            raise ValueError(f"the sound lasts longer than the limit of {span.max_duration_s:g} s")
        if block.dtype != np.int16 and not np.isfinite(block).all():
            raise ValueError("the sound has NaN or infinite samples")
        yield block
    if count == 0 and span.start_s > 0:
        raise ValueError(f"the item starts at {span.start_s:g} s, after the end of the sound")
    if count == 0:
        raise ValueError("the audio stream holds no samples (zero duration)")
    span.check_end(max(span.start_s + count / signal.sample_rate, signal.file_s))


def _quantised(block: Mono) -> NDArray[np.int16]:
    if block.dtype == np.int16:
        return block  # type: ignore[return-value]
    scaled = block * np.float32(32768)
    np.clip(np.rint(scaled, out=scaled), -32768, 32767, out=scaled)
    return scaled.astype(np.int16)


@contextmanager
def _open_sndfile(sample_rate: int, path: Path, span: Span) -> Iterator[Signal]:
    try:
        # By descriptor, not by name: libsndfile guesses headerless formats from the extension.
        with open(path, "rb") as raw, _Forward(raw.fileno(), closefd=False) as file:
            rate = believable_rate(file.samplerate)
            start, stop = span.bounds(rate)
            if file.frames < _UNKNOWN_COUNT:
                span.check("sound", file.frames / rate)
                stop = file.frames if stop is None else min(stop, file.frames)
            if start:
                file.seek(start)
            is_stored_so = file.subtype == "PCM_16" and file.channels == 1 and rate == sample_rate
            dtype = "int16" if is_stored_so else "float32"
            count = None if stop is None else stop - start
            yield Signal(rate, _sndfile_blocks(file, count, dtype))
            if file.format == "FLAC" and stop == file.frames:
                _check_rest(raw)
    except soundfile.LibsndfileError as error:
        raise ValueError(error.error_string) from error


def _sndfile_blocks(file: Any, count: int | None, dtype: str) -> Iterator[Mono]:
    size = max(1, BLOCK_VALUES // file.channels)
    read = 0
    while count is None or read < count:
        wanted = size if count is None else min(size, count - read)
        try:
            block = file.read(wanted, dtype)  # (n,) or (n, channels)
        except soundfile.LibsndfileError as error:
            raise _read_fault(error.error_string, read) from error
        yield block if block.ndim == 1 else block.mean(axis=1, dtype=np.float32)
        read += len(block)
        if len(block) < wanted:
            return


def _read_fault(said: str, read: int) -> ValueError:
    if "changed mid stream" in said:  # well formed, and FFmpeg can
        return ValueError(said)
    return _Damage(f"broken audio stream after {read} samples: {said.removeprefix('Error : ')}")


def _check_rest(file: BinaryIO) -> None:
    """libsndfile stops where a FLAC header says, be there more sound or not."""
    rest = os.fstat(file.fileno()).st_size - os.lseek(file.fileno(), 0, os.SEEK_CUR)
    if rest > 0:
        raise ValueError(f"{rest} bytes behind the last sample that the header promises")
