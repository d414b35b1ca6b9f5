"""The sound of a film as people hear it, in step with its pictures."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from rnnmm.media.container import best_stream, open_media
from rnnmm.media.soundtrack import decoded_frames
from rnnmm.units import seconds_to_samples

_LOG = logging.getLogger(__name__)

# Hz, those of AAC; sound of any other rate gets the one below.
_RATES_HZ = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 64_000, 88_200, 96_000)
_OTHER_RATE_HZ = 48_000
_GAP_S = 0.1  # time stamps are off by less without anything missing
_LONGEST_GAP_S = 3600.0  # time stamps that say more are wrong
_SILENT_SAMPLES = 1 << 15  # at a time

Block = NDArray[np.float32]


class Playback(NamedTuple):
    """Sound to be played from the first picture on.

    sample_rate: Hz, one of AAC's. num_channels: 1 or 2. blocks: ``(channels, n)`` float32 each,
    full scale 1; to be taken once.
    """

    sample_rate: int
    num_channels: int
    blocks: Iterator[Block]


@contextmanager
def open_playback(path: Path, start_s: float) -> Iterator[Playback | None]:
    """Opens a file's main sound; None: it has none that can be played.

    More than two channels are mixed to two. Where time stamps leave a gap there is silence.
    Broken sound ends where it breaks, and a warning says so.

    Args:
        path: an existing regular file.
        start_s: when, on its clock, the sound is to begin.
    """
    with open_media(path) as media:
        try:
            stream = best_stream(media, "audio")
        except ValueError as error:
            _LOG.warning("%s: its film has no sound: %s", path, error)
            stream = None
        if stream is None:
            yield None
            return
        rate = stream.rate if stream.rate in _RATES_HZ else _OTHER_RATE_HZ
        num_channels = min(2, max(1, stream.codec_context.channels))
        resampler = av.AudioResampler("fltp", ("mono", "stereo")[num_channels - 1], rate)
        blocks = _placed(decoded_frames(media, stream), resampler, start_s)
        yield Playback(rate, num_channels, _until_broken(blocks, path))


def _until_broken(blocks: Iterator[Block], path: Path) -> Iterator[Block]:
    try:
        yield from blocks
    except (ValueError, av.FFmpegError) as error:
        _LOG.warning("%s: from here on its film is silent: %s", path, error)


def _placed(frames: Iterator[Any], resampler: Any, start_s: float) -> Iterator[Block]:
    """Resampled; silence where nothing was recorded, nothing from before the start."""
    rate, num_channels = resampler.rate, resampler.layout.nb_channels
    position: int | None = None  # of what comes next, samples
    least = 0
    for frame, after in pairwise(chain(frames, (None,))):
        said = None if frame.time is None else seconds_to_samples(frame.time - start_s, rate)
        if position is None:
            position = min(0, said or 0)
        missing = 0 if said is None else said - position
        if least < missing <= _LONGEST_GAP_S * rate:
            yield from _silence(num_channels, missing)
            position += missing
        least = seconds_to_samples(_GAP_S, rate)
        stop = None if said is None or after is not None else said + _num_valid(frame, rate)
        frame.pts = None  # the resampler is to know of no gaps
        rest = () if after is not None else _resampled(None, resampler)
        for block in chain(_resampled(frame, resampler), rest):
            yield block[:, max(0, -position) : None if stop is None else max(0, stop - position)]
            position += block.shape[1]


def _num_valid(frame: Any, rate: int) -> int:
    """Samples of a stream's last frame that are no filling, at another rate."""
    length_s = frame.samples / frame.sample_rate
    if frame.duration:
        length_s = min(length_s, float(frame.duration * frame.time_base))
    return seconds_to_samples(length_s, rate)


def _silence(num_channels: int, count: int) -> Iterator[Block]:
    for start in range(0, count, _SILENT_SAMPLES):
        yield np.zeros((num_channels, min(_SILENT_SAMPLES, count - start)), np.float32)


def _resampled(frame: Any, resampler: Any) -> Iterator[Block]:
    for part in resampler.resample(frame):
        # A broken file may hold what is no number, and AAC takes none.
        yield np.nan_to_num(part.to_ndarray(), nan=0.0, posinf=1.0, neginf=-1.0)  # (channels, n)
