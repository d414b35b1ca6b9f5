"""Where an object is, as a segment's label: ``box 198 214 34 81 in 640x480``.

Left, top, width and height in pixels of the original picture, whose width and height follow: the
stored frames may be of another size.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from rnnmm.manifest import Segment

_NUMBER = r"(-?[0-9]+(?:\.[0-9]+)?)"
_LABEL = re.compile(rf"box {' '.join([_NUMBER] * 4)} in ([1-9][0-9]*)x([1-9][0-9]*)")
_WORD = "box "


class Box(NamedTuple):
    """A rectangle in pixels: its left upper corner, which may lie outside, and its size."""

    x: float
    y: float
    width: float
    height: float


class Sighting(NamedTuple):
    """Where an object is for a while, in a picture of so many pixels."""

    start_s: float
    end_s: float
    box: Box
    picture_width: int
    picture_height: int


def write_sighting(sighting: Sighting) -> Segment:
    """The segment that says so; pixels to the hundredth."""
    numbers = " ".join(f"{value:.2f}".rstrip("0").rstrip(".") for value in sighting.box)
    size = f"{sighting.picture_width}x{sighting.picture_height}"
    return Segment(sighting.start_s, sighting.end_s, f"{_WORD}{numbers} in {size}")


def is_sighting(segment: Segment) -> bool:
    """Whether a segment says where something is."""
    return segment.label.startswith(_WORD)


def read_sightings(segments: Iterable[Segment]) -> list[Sighting]:
    """What segments say, in order of time; other labels are passed over.

    Raises:
        ValueError: A label that begins with ``box`` and is none, or one without an inside.
    """
    return [_read(one) for one in sorted(segments) if is_sighting(one)]


def _read(segment: Segment) -> Sighting:
    match = _LABEL.fullmatch(segment.label)
    if match is None or not float(match[3]) > 0 or not float(match[4]) > 0:
        raise ValueError(
            f"segments: expected 'box LEFT TOP WIDTH HEIGHT in WIDTHxHEIGHT', in pixels, such as "
            f"'box 198 214 34 81 in 640x480', got {segment.label!r}"
        )
    box = Box(*map(float, match.groups()[:4]))
    return Sighting(segment.start_s, segment.end_s, box, int(match[5]), int(match[6]))
