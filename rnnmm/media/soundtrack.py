"""The sound of a file as FFmpeg decodes it."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
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
from rnnmm.media.limits import Span, believable_rate
from rnnmm.units import round_half_up

# Samples x channels at a time: with their copies they stay in the cache, and the memory for them
# with this process.
BLOCK_VALUES = 1 << 15

_TOLERATED_BAD_PACKETS = 1  # a stream cut out of a longer one may begin or end inside a packet
_MAX_PLANES = 8  # from here on PyAV reads planes beyond the last one, and crashes
_SEEK_BEYOND_S = 10.0  # nearer starts are reached by decoding
_PREROLL_S = 1.0  # what decoders need to give the same samples as from the start, and more
_SOME_S = 0.01  # a header that promises less promises nothing
# FFmpeg's formats of samples as numpy has them; those with a plane per channel end in a "p".
_SAMPLE_TYPES = {
    "u8": np.uint8,
    "s16": np.int16,
    "s32": np.int32,
    "flt": np.float32,
    "dbl": np.float64,
}

Mono = NDArray[np.float32] | NDArray[np.int16]


class Signal(NamedTuple):
    """Sound before resampling: its rate in Hz; its blocks, each ``(n,)``; the file's length.

    Blocks are float32 of full scale 1, or int16 where that is what the file holds and what is
    wanted.
    """

    sample_rate: int
    blocks: Iterator[Mono]
    file_s: float = 0.0


@contextmanager
def open_soundtrack(path: Path, span: Span) -> Iterator[Signal | None]:
    """Opens a file's main sound; None: it has none.

    Args:
        path: an existing regular file.
        span: no more is decoded than this part, and what leads up to it.

    Raises:
        ValueError: Nothing can open it, no samples, a rate that cannot be true, starts after its
            end or longer than the limit, encrypted, or what the decoder said of a broken stream.
    """
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
        rate = believable_rate(first.sample_rate)
        start, stop = span.bounds(rate)
        needed = _until(chain((first,), frames), None if stop is None else stop - position)
        blocks = _ffmpeg_blocks(needed, rate)
        file_s = (media.container.duration or 0) / av.time_base
        yield Signal(rate, _cut(blocks, position, start, stop), file_s)


def _ffmpeg_frames_from(media: Media, stream: Any, span: Span) -> tuple[Iterator[Any], int]:
    """Decoded frames from somewhere before the span's start, and that place in samples."""
    tick_is_fine = stream.time_base * stream.sample_rate <= 1  # Matroska's is not, nor its stamps
    if span.start_s > _SEEK_BEYOND_S and tick_is_fine and can_seek(media, stream):
        seek_to(media, stream, span.start_s - _PREROLL_S)
        frames = decoded_frames(media, stream)
        first = next(frames, None)
        if first is not None and first.pts is not None:
            before_s = float((first.pts - stream.start_time) * stream.time_base)
            if before_s <= span.start_s:
                return chain((first,), frames), round_half_up(before_s * first.sample_rate)
        seek_to(media, stream, 0)
    return decoded_frames(media, stream), 0


def decoded_frames(media: Media, stream: Any) -> Iterator[Any]:
    """Decoded frames; one unreadable packet at either end of the stream is passed over.

    Raises:
        ValueError: The stream is encrypted, or what the decoder said of a broken one.
    """
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


def _until(frames: Iterator[Any], count: int | None) -> Iterator[Any]:
    """As many frames as hold so many samples: of what comes after, nothing is decoded."""
    for frame in frames:
        yield frame
        if count is not None:
            count -= frame.samples
            if count <= 0:
                return


def _ffmpeg_blocks(frames: Iterator[Any], rate: int) -> Iterator[Mono]:
    """Frames joined: one by one, those of an MP3 would take longer than their decoding."""
    held: list[Any] = []
    room = 0
    for frame in frames:
        if frame.sample_rate != rate:
            raise ValueError(f"the sample rate changes from {rate} to {frame.sample_rate} Hz")
        if held and (room <= 0 or _form(frame) != _form(held[0])):
            yield _mono(held)
            held.clear()
        if not held:
            room = BLOCK_VALUES // frame.layout.nb_channels
        held.append(frame)
        room -= frame.samples
    yield _mono(held)


def _form(frame: Any) -> tuple[str, int]:
    return frame.format.name, frame.layout.nb_channels


def _mono(frames: list[Any]) -> Mono:
    """Frames of one form, one after the other."""
    values = _values(frames)
    if values.dtype == np.float32 and len(values) == 1:
        return values[0]  # type: ignore[no-any-return]
    mean = values.mean(axis=0, dtype=np.float64)  # (n,)
    if values.dtype.kind in "iu":
        full_scale = 2.0 ** (8 * values.dtype.itemsize - 1)
        mean = mean / full_scale - (values.dtype.kind == "u")  # unsigned bytes rest at 128
    return mean.astype(np.float32)  # type: ignore[no-any-return]


def _values(frames: list[Any]) -> NDArray[Any]:
    """``(channels, n)``, as decoded."""
    name, channels = _form(frames[0])
    is_planar = frames[0].format.is_planar
    dtype = _SAMPLE_TYPES.get(name.removesuffix("p"))
    if dtype is None or (is_planar and channels >= _MAX_PLANES):
        resampler = av.AudioResampler(format="flt")
        frames = [part for frame in frames for part in resampler.resample(frame)]
        dtype, is_planar = np.float32, False
    per_sample = 1 if is_planar else channels
    pieces = [
        [np.ndarray(per_sample * frame.samples, dtype, plane) for plane in frame.planes]
        for frame in frames
    ]
    values = np.empty((channels // per_sample, per_sample * _samples(frames)), dtype)
    for row, plane in zip(values, zip(*pieces)):
        np.concatenate(plane, out=row)
    return values if is_planar else values.reshape(-1, channels).T


def _samples(frames: list[Any]) -> int:
    return sum(frame.samples for frame in frames)


def _cut(blocks: Iterator[Mono], position: int, start: int, stop: int | None) -> Iterator[Mono]:
    """What lies between two samples of blocks that begin at ``position``."""
    for block in blocks:
        yield block[max(0, start - position) : None if stop is None else stop - position]
        position += len(block)
        if stop is not None and position >= stop:
            return


def _no_samples(header_s: float) -> str:
    if header_s > _SOME_S:
        return f"truncated: the header promises {header_s:.2f} s of sound, the file holds none"
    return "the audio stream holds no samples (zero duration)"
