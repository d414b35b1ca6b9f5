"""The time stamps of a video, read from its packets without decoding a picture."""

from collections.abc import Iterator
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnmm.media.container import Media, can_seek, check_packet, seek_to
from rnnmm.media.limits import Span

_SEEK_BEYOND_S = 10.0  # nearer starts are reached by decoding
_PREROLL_S = 1.0  # room for pictures that are shown before a key frame that precedes them
_REORDER_S = 2.0  # packets this much later in time may still precede one that is wanted
_HELD_BYTES = 64 << 20  # packets up to this size are kept for the decoder, longer films read twice


class _Stamp(NamedTuple):
    """A packet's times, in ticks of its stream."""

    pts: int | None
    dts: int | None
    duration: int
    is_key: bool


class Timeline(NamedTuple):
    """When each picture is shown.

    times_s: ``(n,)`` ascending, seconds since the stream's first picture. end_s: when the last
    one ends. origin: the first time stamp, ticks; None: pictures carry none, they come in the
    order of times_s. tick_s: seconds per tick. seek_s: where reading starts; 0: at the start.
    packets: of the stream from there on, to be taken once; None: too many to keep, to be read
    again.
    """

    times_s: NDArray[np.float64]
    end_s: float
    origin: int | None
    tick_s: float
    seek_s: float
    packets: Iterator[Any] | None

    def time_of(self, pts: int | None, index: int) -> float:
        """When the decoded picture with this time stamp, the index-th to come, is shown."""
        if self.origin is None or pts is None:
            return float(self.times_s[min(index, len(self.times_s) - 1)])
        return (pts - self.origin) * self.tick_s


def read_timeline(media: Media, stream: Any, span: Span) -> Timeline:
    """Reads the time stamps of all packets that may be wanted, decoding nothing.

    A span that starts late is sought by key frame where the time stamps allow it.

    Raises:
        ValueError: The stream is encrypted, or it holds no pictures.
    """
    if span.start_s > _SEEK_BEYOND_S and can_seek(media, stream):
        seek_s = span.start_s - _PREROLL_S
        seek_to(media, stream, seek_s)
        stamps, packets = _listed_packets(media, stream, span)
        if _is_before(stamps, stream, span.start_s):
            return _timeline(stamps, stream, seek_s, packets)
        seek_to(media, stream, 0)
    stamps, packets = _listed_packets(media, stream, span)
    if not stamps:
        raise ValueError("the video stream holds no pictures (zero duration)")
    return _timeline(stamps, stream, 0.0, packets)


def _listed_packets(
    media: Media, stream: Any, span: Span
) -> tuple[list[_Stamp], Iterator[Any] | None]:
    latest_s = span.start_s + span.max_duration_s if span.end_s is None else span.end_s
    latest_ticks = (latest_s + _REORDER_S) / float(stream.time_base)
    stamps: list[_Stamp] = []
    held: list[Any] = []
    num_bytes = 0
    origin = stream.start_time
    packets = media.container.demux(stream)
    for packet in packets:
        check_packet(packet, "video")
        num_bytes += packet.size
        if num_bytes <= _HELD_BYTES:
            held.append(packet)
        if packet.size == 0 or packet.is_discard:
            continue
        stamps.append(_Stamp(packet.pts, packet.dts, packet.duration or 0, packet.is_keyframe))
        shown = packet.dts if packet.pts is None else packet.pts
        origin = shown if origin is None else origin
        if shown is not None and shown - origin > latest_ticks:
            break
    return stamps, chain(held, packets) if num_bytes <= _HELD_BYTES else None


def _is_before(stamps: list[_Stamp], stream: Any, start_s: float) -> bool:
    """Whether decoding can begin with these packets and still give the picture at start_s."""
    if not stamps or not stamps[0].is_key or any(stamp.pts is None for stamp in stamps):
        return False
    first = stamps[0].pts
    assert first is not None
    return bool((first - stream.start_time) * stream.time_base <= start_s)


def _timeline(
    stamps: list[_Stamp], stream: Any, seek_s: float, packets: Iterator[Any] | None
) -> Timeline:
    pts, dts, durations, _ = zip(*stamps)
    tick_s = float(stream.time_base)
    origin = None
    if None not in pts:
        ticks = np.array(pts)
        origin = stream.start_time if seek_s > 0 else int(ticks.min())
    elif None not in dts:  # AVI has no others
        ticks = np.array(dts)
    else:
        ticks = np.arange(len(stamps)) / (tick_s * _nominal_rate(stream))
    times_s = (np.unique(ticks) - (ticks.min() if origin is None else origin)) * tick_s
    last_s = durations[int(ticks.argmax())] * tick_s
    if last_s == 0:
        last_s = np.median(np.diff(times_s)) if len(times_s) > 1 else 1 / _nominal_rate(stream)
    return Timeline(times_s, float(times_s[-1] + last_s), origin, tick_s, seek_s, packets)


def _nominal_rate(stream: Any) -> float:
    return float(stream.average_rate or 25)
