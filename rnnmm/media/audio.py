"""Sound of any file as 16-bit mono at one rate, read in blocks so that memory stays bounded."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import av
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from rnnmm.media.container import (
    Media,
    best_stream,
    can_seek,
    check_packet,
    decode_packet,
    open_media,
    seek_to,
)
from rnnmm.media.limits import Span
from rnnmm.media.sniff import is_sound_file, read_head
from rnnmm.units import round_half_up, seconds_to_samples

_LOG = logging.getLogger(__name__)
_BLOCK_VALUES = 1 << 18  # samples x channels decoded at a time: 1 MiB of float32
_SOURCE_RATES_HZ = (1_000, 768_000)  # outside: a damaged header, not a recording
_UNKNOWN_COUNT = 1 << 62  # libsndfile gives about 2^63 where a FLAC header leaves the count open
_TOLERATED_BAD_PACKETS = 1  # a stream cut out of a longer one may begin or end inside a packet
_MAX_PLANES = 8  # from here on PyAV reads planes beyond the last one, and crashes
_SEEK_BEYOND_S = 10.0  # nearer starts are reached by decoding
_PREROLL_S = 1.0  # what decoders need to give the same samples as from the start, and more
_SOME_S = 0.01  # a header that promises less promises nothing

Mono = NDArray[np.float32]


class _Signal(NamedTuple):
    """Sound before resampling: its rate in Hz; its blocks, each ``(n,)``; the file's length."""

    sample_rate: int
    blocks: Iterator[Mono]
    file_s: float = 0.0


_Opener = Callable[[Path, Span], AbstractContextManager[_Signal | None]]


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
            return _decoded_by(_open_sndfile, path, sample_rate, span)
        except _Damage:
            raise
        except ValueError as error:
            fault = error
    audio = _decoded_by(_open_ffmpeg, path, sample_rate, span)
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


def _decode(signal: _Signal, sample_rate: int, span: Span) -> NDArray[np.int16]:
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


def _checked(signal: _Signal, span: Span) -> Iterator[Mono]:
    count = 0
    for block in signal.blocks:
        count += len(block)
        if count > span.max_duration_s * signal.sample_rate:
            raise ValueError(f"the sound lasts longer than the limit of {span.max_duration_s:g} s")
        if not np.isfinite(block).all():
            raise ValueError("the sound has NaN or infinite samples")
        yield block
    if count == 0 and span.start_s > 0:
        raise ValueError(f"the item starts at {span.start_s:g} s, after the end of the sound")
    if count == 0:
        raise ValueError("the audio stream holds no samples (zero duration)")
    span.check_end(max(span.start_s + count / signal.sample_rate, signal.file_s))


def _quantised(block: Mono) -> NDArray[np.int16]:
    pcm: NDArray[np.int16] = np.clip(np.rint(block * 32768.0), -32768, 32767).astype(np.int16)
    return pcm


@contextmanager
def _open_sndfile(path: Path, span: Span) -> Iterator[_Signal]:
    try:
        # By descriptor, not by name: libsndfile guesses headerless formats from the extension.
        with open(path, "rb") as raw, _Forward(raw.fileno(), closefd=False) as file:
            rate = _believable_rate(file.samplerate)
            start, stop = _bounds(span, rate)
            if file.frames < _UNKNOWN_COUNT:
                span.check("sound", file.frames / rate)
                stop = file.frames if stop is None else min(stop, file.frames)
            if start:
                file.seek(start)
            yield _Signal(rate, _sndfile_blocks(file, None if stop is None else stop - start))
            if file.format == "FLAC" and stop == file.frames:
                _check_rest(raw)
    except soundfile.LibsndfileError as error:
        raise ValueError(error.error_string) from error


def _sndfile_blocks(file: Any, count: int | None) -> Iterator[Mono]:
    size = max(1, _BLOCK_VALUES // file.channels)
    read = 0
    while count is None or read < count:
        wanted = size if count is None else min(size, count - read)
        try:
            block = file.read(wanted, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise _read_fault(error.error_string, read) from error
        yield block.mean(axis=1, dtype=np.float32)
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


@contextmanager
def _open_ffmpeg(path: Path, span: Span) -> Iterator[_Signal | None]:
    with open_media(path) as media:
        stream = best_stream(media, "audio")
        if stream is None:
            yield None
            return
        header_s = float((stream.duration or 0) * stream.time_base)
        if span.end_s is None:
            Span(max_duration_s=span.max_duration_s).check("sound", header_s - span.start_s)
        frames, position = _ffmpeg_frames_from(media, stream, span)
        first = next(frames, None)
        if first is None:
            raise ValueError(_no_samples(header_s))
        rate = _believable_rate(first.sample_rate)
        blocks = _ffmpeg_blocks(first, frames, rate)
        file_s = (media.container.duration or 0) / av.time_base
        yield _Signal(rate, _cut(blocks, position, *_bounds(span, rate)), file_s)


def _ffmpeg_frames_from(media: Media, stream: Any, span: Span) -> tuple[Iterator[Any], int]:
    """Decoded frames from somewhere before the span's start, and that place in samples."""
    tick_is_fine = stream.time_base * stream.sample_rate <= 1  # Matroska's is not, nor its stamps
    if span.start_s > _SEEK_BEYOND_S and tick_is_fine and can_seek(media, stream):
        seek_to(media, stream, span.start_s - _PREROLL_S)
        frames = _ffmpeg_frames(media, stream)
        first = next(frames, None)
        if first is not None and first.pts is not None:
            before_s = float((first.pts - stream.start_time) * stream.time_base)
            if before_s <= span.start_s:
                return chain((first,), frames), round_half_up(before_s * first.sample_rate)
        seek_to(media, stream, 0)
    return _ffmpeg_frames(media, stream), 0


def _ffmpeg_frames(media: Media, stream: Any) -> Iterator[Any]:
    """Decoded frames; one unreadable packet at either end of the stream is passed over."""
    bad: list[ValueError] = []
    decoded = 0
    for packet in media.container.demux(stream):
        check_packet(packet, "audio")
        try:
            frames = decode_packet(media, packet)
        except ValueError as error:
            bad.append(error)
            continue
        if frames:
            _check_damage(bad, decoded, 0 if decoded else _TOLERATED_BAD_PACKETS)
            bad.clear()
        decoded += len(frames)
        yield from frames
    _check_damage(bad, decoded, _TOLERATED_BAD_PACKETS if decoded else 0)


def _check_damage(bad: list[ValueError], decoded: int, tolerated: int) -> None:
    if len(bad) > tolerated:
        raise ValueError(f"broken audio stream after {decoded} frames: {bad[0]}") from bad[0]


def _ffmpeg_blocks(first: Any, frames: Iterator[Any], rate: int) -> Iterator[Mono]:
    yield _mono(first)
    for frame in frames:
        if frame.sample_rate != rate:
            raise ValueError(f"the sample rate changes from {rate} to {frame.sample_rate} Hz")
        yield _mono(frame)


def _mono(frame: Any) -> Mono:
    if frame.format.is_planar and frame.layout.nb_channels >= _MAX_PLANES:
        frame = av.AudioResampler(format="flt").resample(frame)[0]
    values = frame.to_ndarray()  # (channels, n), or (1, n * channels) interleaved
    if not frame.format.is_planar:
        values = values.reshape(-1, frame.layout.nb_channels).T
    mean = values.mean(axis=0, dtype=np.float64)  # (n,)
    if values.dtype.kind in "iu":
        full_scale = 2.0 ** (8 * values.dtype.itemsize - 1)
        mean = mean / full_scale - (values.dtype.kind == "u")  # unsigned bytes rest at 128
    return mean.astype(np.float32)  # type: ignore[no-any-return]


def _cut(blocks: Iterator[Mono], position: int, start: int, stop: int | None) -> Iterator[Mono]:
    """What lies between two samples of blocks that begin at ``position``."""
    for block in blocks:
        yield block[max(0, start - position) : None if stop is None else stop - position]
        position += len(block)
        if stop is not None and position >= stop:
            return


def _bounds(span: Span, rate: int) -> tuple[int, int | None]:
    stop = None if span.end_s is None else seconds_to_samples(span.end_s, rate)
    return seconds_to_samples(span.start_s, rate), stop


def _no_samples(header_s: float) -> str:
    if header_s > _SOME_S:
        return f"truncated: the header promises {header_s:.2f} s of sound, the file holds none"
    return "the audio stream holds no samples (zero duration)"


def _believable_rate(rate: int) -> int:
    low, high = _SOURCE_RATES_HZ
    if not low <= rate <= high:
        raise ValueError(f"a sample rate of {rate} Hz cannot be true (expected {low} to {high})")
    return rate
