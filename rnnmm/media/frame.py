"""From a picture of any size to the size that is stored."""

from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from rnnmm.units import round_half_up

Fit = Literal["stretch", "pad", "crop"]
Picture = NDArray[np.uint8]


class Geometry(NamedTuple):
    """The size of the stored frames in pixels and how another shape is brought to it.

    fit: "stretch" ignores the shape, "pad" keeps all of the picture between black bars, "crop"
    keeps its middle. Both count a source pixel by its displayed shape.
    """

    height: int
    width: int
    fit: Fit


def fit_picture(picture: Picture, geometry: Geometry, pixel_aspect: float = 1.0) -> Picture:
    """Resizes a picture.

    Args:
        picture: ``(h, w, 3)``, any order of channels.
        geometry: the wanted size.
        pixel_aspect: width of a source pixel over its height, as displayed.

    Returns:
        ``(H, W, 3)``, the same order of channels.
    """
    height, width, fit = geometry
    shape = picture.shape[1] * pixel_aspect / picture.shape[0] / (width / height)
    if fit == "crop":
        return _resized(_cropped(picture, shape), height, width)
    if fit == "stretch" or shape == 1:
        return _resized(picture, height, width)
    inner_height = max(1, round_half_up(height / max(1.0, shape)))
    inner_width = max(1, round_half_up(width * min(1.0, shape)))
    top, left = (height - inner_height) // 2, (width - inner_width) // 2
    canvas = np.zeros((height, width, 3), np.uint8)
    inner = _resized(picture, inner_height, inner_width)
    canvas[top : top + inner_height, left : left + inner_width] = inner
    return canvas


def _cropped(picture: Picture, shape: float) -> Picture:
    """The middle of the picture, ``shape`` times narrower (or, below 1, lower)."""
    height, width = picture.shape[:2]
    keep_height = max(1, round_half_up(height * min(1.0, shape)))
    keep_width = max(1, round_half_up(width / max(1.0, shape)))
    return _middle(picture, keep_height, keep_width)


def _resized(picture: Picture, height: int, width: int) -> Picture:
    """Averages whole blocks of pixels, then interpolates the remaining factor below 2.

    As close to an antialiased reference (Pillow's) as cv2.INTER_AREA over the whole factor, and 2
    to 6 times faster; INTER_LINEAR alone lets fine patterns through as false coarse ones.
    """
    rows, columns = picture.shape[0] // height or 1, picture.shape[1] // width or 1
    if rows > 1 or columns > 1:
        # cv2 has a fast path for exact blocks: leave out the rim that does not fill one.
        lower, narrower = picture.shape[0] // rows, picture.shape[1] // columns
        picture = _middle(picture, lower * rows, narrower * columns)
        picture = _scaled(picture, lower, narrower, cv2.INTER_AREA)
    if picture.shape[:2] == (height, width):
        return picture
    return _scaled(picture, height, width, cv2.INTER_LINEAR)


def _scaled(picture: Picture, height: int, width: int, interpolation: int) -> Picture:
    return cv2.resize(picture, (width, height), interpolation=interpolation).astype(
        np.uint8, copy=False
    )


def _middle(picture: Picture, height: int, width: int) -> Picture:
    top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
    return picture[top : top + height, left : left + width]
