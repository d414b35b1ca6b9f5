"""Segments written in one line: ``0.95-2.12 speech; 3-4.5 walking``."""

from collections.abc import Iterable

from rnnmm.manifest import Segment

_BETWEEN = "; "


def write_segments(segments: Iterable[Segment]) -> str:
    """In order of their start, times to the millisecond; no segments are no text."""
    lines = (f"{_time(start)}-{_time(end)} {label}" for start, end, label in sorted(segments))
    return _BETWEEN.join(lines)


def read_segments(text: str) -> tuple[Segment, ...]:
    """What `write_segments` wrote."""
    return tuple(map(_read, text.split(_BETWEEN))) if text else ()


def _read(line: str) -> Segment:
    times, _, label = line.partition(" ")
    start, _, end = times.partition("-")
    return Segment(float(start), float(end), label)


def _time(seconds: float) -> str:
    return f"{seconds:.3f}".rstrip("0").rstrip(".")
