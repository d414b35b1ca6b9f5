"""Answers drawn for people: light or a box on a frame, and a panel of words and times below it."""

import textwrap
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from rnnmm.media.frame import WHOLE, Extent
from rnnmm.units import round_half_up

Frame = NDArray[np.uint8]

_FONT, _FONT_SCALE = cv2.FONT_HERSHEY_SIMPLEX, 0.5
_LINE_PX, _MARGIN_PX, _TRACK_PX, _LETTER_PX = 22, 8, 18, 9.5
_INK, _PAPER, _FAINT, _CURSOR = (235, 235, 235), (24, 24, 28), (70, 70, 78), (255, 255, 255)
_COLOURS = ((86, 156, 214), (220, 140, 60), (110, 190, 110), (200, 110, 190), (210, 200, 90))
_STRENGTH = 0.6
_BOX_PX = 2


@dataclass(frozen=True, eq=False)
class Track:
    """A row below the picture, from the start of an item to its end.

    Args:
        name: what it is of.
        spans: ``(start, end)`` each, 0..1 of the item: what goes on then.
        values: ``(T,)`` in 0..1, of the frames: a curve; none: there is none.
    """

    name: str
    spans: Sequence[tuple[float, float]] = ()
    values: Sequence[float] = ()


@dataclass(frozen=True, eq=False)
class Panel:
    """What stands below a picture, the same for all frames but for a cursor.

    Args:
        width_px: of the picture, even.
        lines: of text; long ones are broken, other letters than ASCII written by their nearest.
        tracks: below them.
    """

    width_px: int
    lines: Sequence[str]
    tracks: Sequence[Track] = ()

    def at(self, place: float) -> Frame:
        """What it looks like at a moment.

        Args:
            place: 0..1 of the item: where a cursor stands on the tracks.

        Returns:
            ``(h, W, 3)`` uint8, RGB, h even and always the same.
        """
        column = min(self.width_px - 2, int(place * self.width_px))
        picture = self._picture.copy()
        picture[len(picture) - _TRACK_PX * len(self.tracks) :, column : column + 2] = _CURSOR
        return picture

    @cached_property
    def _picture(self) -> Frame:
        lines = [part for line in self.lines for part in self._broken(line)]
        top = 2 * _MARGIN_PX + _LINE_PX * len(lines)
        top += (top + _TRACK_PX * len(self.tracks)) % 2
        height = top + _TRACK_PX * len(self.tracks)
        picture = np.full((height, self.width_px, 3), _PAPER, np.uint8)
        for number, line in enumerate(lines, 1):
            _write(picture, line, (_MARGIN_PX, _MARGIN_PX + _LINE_PX * number - 6), _INK)
        for number, track in enumerate(self.tracks):
            part = picture[top + _TRACK_PX * number :][: _TRACK_PX - 3]
            self._draw_track(part, track, _COLOURS[number % len(_COLOURS)])
        return picture

    def _draw_track(self, part: Frame, track: Track, colour: tuple[int, int, int]) -> None:
        height, width = part.shape[:2]
        part[:] = _FAINT
        for start, end in track.spans:
            first = int(start * width)
            part[:, first : max(first + 1, int(end * width))] = colour
        steps = np.arange(width) * len(track.values) // width
        for column, step in enumerate(steps.tolist() if len(track.values) else ()):
            part[height - int(track.values[step] * height + 0.5) :, column] = colour
        _write(part, _ascii(track.name), (_MARGIN_PX, height - 4), _INK)

    def _broken(self, line: str) -> list[str]:
        letters = max(8, int((self.width_px - 2 * _MARGIN_PX) / _LETTER_PX))
        return textwrap.wrap(_ascii(line), letters) or [""]


def heated(frame: Frame, weights: NDArray[np.floating], extent: Extent = WHOLE) -> Frame:
    """Colours from yellow to red over what has weight.

    Args:
        frame: ``(H, W, 3)`` uint8, RGB.
        weights: ``(h, w)`` in 0..1, of the cells of a grid over the extent.
        extent: what the model saw of the frame; the rest stays as it is.
    """
    cells = _spread(np.asarray(weights, np.float32), frame.shape, extent)  # (H, W, 1)
    colour = np.concatenate([np.full_like(cells, 255), 255 * (1 - cells), 0 * cells], axis=2)
    share = _STRENGTH * cells.clip(0, 1)
    lit: Frame = (frame * (1 - share) + colour * share + 0.5).astype(np.uint8)
    return lit


def boxed(frame: Frame, box: NDArray[np.floating], extent: Extent = WHOLE) -> Frame:
    """Draws a box.

    Args:
        frame: ``(H, W, 3)`` uint8, RGB.
        box: ``(4,)`` left, top, width and height, as fractions of the extent.
        extent: what the model saw of the frame.
    """
    height, width = frame.shape[:2]
    left, top, across, down = np.asarray(box, np.float64).tolist()
    first = _pixel(left, top, extent, (height, width))
    last = _pixel(left + across, top + down, extent, (height, width))
    marked = frame.copy()
    cv2.rectangle(marked, first, last, _CURSOR, _BOX_PX, cv2.LINE_AA)
    return marked


def _spread(cells: NDArray[np.float32], shape: tuple[int, ...], extent: Extent) -> Any:
    """``(H, W, 1)``: a grid over the extent, 0 outside."""
    height, width = shape[:2]
    left, top = _pixel(0, 0, extent, (height, width))
    right, bottom = _pixel(1, 1, extent, (height, width))
    size = max(1, right - left), max(1, bottom - top)
    inner = cv2.resize(cells, size, interpolation=cv2.INTER_LINEAR)
    inner = inner[max(0, -top) : height - top, max(0, -left) : width - left]
    whole = np.zeros((height, width, 1), np.float32)
    top, left = max(0, top), max(0, left)
    whole[top : top + inner.shape[0], left : left + inner.shape[1], 0] = inner
    return whole


def _pixel(across: float, down: float, extent: Extent, size: tuple[int, int]) -> tuple[int, int]:
    """The column and row of a place, given as fractions of the extent."""
    height, width = size
    column = (extent.left + across * extent.width) * width
    row = (extent.top + down * extent.height) * height
    return round_half_up(column), round_half_up(row)


def _write(picture: Frame, text: str, at: tuple[int, int], colour: tuple[int, int, int]) -> None:
    cv2.putText(picture, text, at, _FONT, _FONT_SCALE, colour, 1, cv2.LINE_AA)


def _ascii(text: str) -> str:
    """All that OpenCV has letters for."""
    plain = unicodedata.normalize("NFKD", text)
    kept = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return kept.encode("ascii", "replace").decode("ascii")
