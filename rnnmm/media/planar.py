"""Small RGB frames straight from the planes of a decoded picture, which is never converted whole.

Codecs give brightness and colour apart, colour mostly at half the resolution. Making RGB of all of
it only to throw nine tenths away costs more than anything but decoding. So each plane is shrunk by
itself, and what is left is turned into RGB.
"""

from functools import cache
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from rnnmm.media.frame import Box, Geometry, cut, lay_out

Plane = NDArray[np.uint8]
Matrix = NDArray[np.float64]

# Rows and columns of pixels per value of colour, by FFmpeg's names of the formats of three planes
# of 8 bits; the names of those of full range may have a "j".
_SAMPLING = {
    "yuv410p": (4, 4),
    "yuv411p": (1, 4),
    "yuv420p": (2, 2),
    "yuv422p": (1, 2),
    "yuv440p": (2, 1),
    "yuv444p": (1, 1),
}
_FULL_RANGE = 2  # AVColorRange
# The parts of red and blue in brightness, by AVColorSpace; 2 is "not said", taken as BT.601.
_WEIGHTS = {
    1: (0.2126, 0.0722),  # BT.709
    2: (0.299, 0.114),
    4: (0.30, 0.11),  # FCC
    5: (0.299, 0.114),  # BT.601
    6: (0.299, 0.114),
    7: (0.212, 0.087),  # SMPTE 240M
    9: (0.2627, 0.0593),  # BT.2020
}


class _Kind(NamedTuple):
    """What decides how a picture is to be treated: FFmpeg's words for it."""

    pixel_format: str
    colour_space: int
    colour_range: int
    height: int
    width: int


class _Plan(NamedTuple):
    """What to do with the pictures of one kind, and the memory for it.

    parts: which part of each plane is wanted. halves: of each plane, what its halvings give.
    merged: the three after that, where they are of one size by then. yuv: the frame's picture.
    target: where it goes.
    """

    parts: list[Box]
    halves: list[list[Plane]]
    merged: Plane | None
    yuv: Plane
    to_rgb: Matrix
    target: Box


class Shrinker:
    """Makes RGB frames of one size out of decoded pictures of any.

    Keeps its memory and what it has found out from one picture to the next: not for two threads.

    Args:
        geometry: the wanted size.
        pixel_aspect: width of a source pixel over its height, as displayed.
    """

    def __init__(self, geometry: Geometry, pixel_aspect: float = 1.0) -> None:
        self.geometry = geometry
        self.pixel_aspect = pixel_aspect
        self._plans: dict[_Kind, _Plan | None] = {}

    def shrink(self, frame: Any, out: Plane) -> bool:
        """Writes ``(H, W, 3)`` RGB, what `rnnmm.media.frame.fit_picture` would but for rounding.

        Args:
            frame: PyAV's.
            out: where to.

        Returns:
            Whether it could: not for formats other than three planes of 8 bits, nor for unknown
            definitions of colour.
        """
        kind = _Kind(
            frame.format.name, frame.colorspace, frame.color_range, frame.height, frame.width
        )
        if kind not in self._plans:
            self._plans[kind] = _plan(kind, self.geometry, self.pixel_aspect)
        plan = self._plans[kind]
        if plan is None:
            return False
        yuv = _shrunk(frame.planes, plan)
        if plan.target[2:] == out.shape[:2]:
            cv2.transform(yuv, plan.to_rgb, out)
        else:
            out[:] = 0
            cut(out, plan.target)[:] = cv2.transform(yuv, plan.to_rgb)
        return True


@cache
def yuv_to_rgb(colour_space: int, is_full_range: bool) -> Matrix:
    """``(3, 4)``: what `cv2.transform` is to do with (Y, U, V) of 8 bits to get (R, G, B).

    Args:
        colour_space: AVColorSpace, one of those in this module.
        is_full_range: 0 to 255; else 16 to 235, colour to 240.

    Source: ITU-T H.273, equations for matrix coefficients.
    """
    red, blue = _WEIGHTS[colour_space]
    green = 1 - red - blue
    luma, chroma = (1.0, 1.0) if is_full_range else (255 / 219, 255 / 224)
    from_u = np.array([0, -2 * (1 - blue) * blue / green, 2 * (1 - blue)])
    from_v = np.array([2 * (1 - red), -2 * (1 - red) * red / green, 0])
    matrix = np.stack([np.full(3, luma), chroma * from_u, chroma * from_v], axis=1)  # (3, 3)
    zero = np.array([0 if is_full_range else 16, 128, 128])
    to_rgb = np.column_stack([matrix, -matrix @ zero])
    to_rgb.flags.writeable = False  # all callers share it
    return to_rgb


def rgb_to_yuv(colour_space: int, is_full_range: bool) -> Matrix:
    """``(3, 4)``: the way back, see `yuv_to_rgb`."""
    matrix = yuv_to_rgb(colour_space, is_full_range)
    back = np.linalg.inv(matrix[:, :3])  # (3, 3)
    return np.column_stack([back, -back @ matrix[:, 3]])


def _plan(kind: _Kind, geometry: Geometry, pixel_aspect: float) -> _Plan | None:
    sampling = _SAMPLING.get(kind.pixel_format.replace("j", ""))
    if sampling is None or kind.colour_space not in _WEIGHTS:
        return None
    source, target = lay_out(kind.height, kind.width, geometry, pixel_aspect)
    colour = _subsampled(source, *sampling)
    parts = [_whole_blocks(part, target) for part in (source, colour, colour)]
    halves = [_halves(part, target) for part in parts]
    sizes = {steps[-1].shape if steps else part[2:] for part, steps in zip(parts, halves)}
    merged = np.empty((*sizes.pop(), 3), np.uint8) if len(sizes) == 1 else None
    is_full_range = "j" in kind.pixel_format or kind.colour_range == _FULL_RANGE
    to_rgb = yuv_to_rgb(kind.colour_space, is_full_range)
    yuv = np.empty((target.height, target.width, 3), np.uint8)
    return _Plan(parts, halves, merged, yuv, to_rgb, target)


def _subsampled(part: Box, rows: int, columns: int) -> Box:
    """The same part of a plane that has a value for every ``rows x columns`` pixels."""
    height, width = -(-part.height // rows), -(-part.width // columns)
    return Box(part.top // rows, part.left // columns, height, width)


def _whole_blocks(part: Box, target: Box) -> Box:
    """Without the rim that cannot be halved as often as the rest."""
    height, width = (size >> times << times for size, times in zip(part[2:], _times(part, target)))
    top, left = part.top + (part.height - height) // 2, part.left + (part.width - width) // 2
    return Box(top, left, height, width)


def _times(part: Box, target: Box) -> tuple[int, int]:
    """How often height and width can be halved and stay at least as large as wanted."""
    down, across = part.height // target.height, part.width // target.width
    return max(0, down.bit_length() - 1), max(0, across.bit_length() - 1)


def _halves(part: Box, target: Box) -> list[Plane]:
    """Room for a plane's halvings, one after the other.

    cv2's bilinear interpolation averages whole blocks when it halves, and has a fast path for it.
    What remains is a factor below 2: bilinear interpolation over it comes as close to
    cv2.INTER_AREA over the whole (37 to 47 dB on real films) as averaging larger blocks does, for
    a tenth of the time. Interpolating over the whole factor is 4 to 10 dB further away.
    """
    down, across = _times(part, target)
    steps = range(1, max(down, across) + 1)
    sizes = [(part.height >> min(n, down), part.width >> min(n, across)) for n in steps]
    return [np.empty(size, np.uint8) for size in sizes]


def _shrunk(planes: tuple[Any, ...], plan: _Plan) -> Plane:
    """``(h, w, 3)`` YUV."""
    smaller = []
    for plane, part, halves in zip(planes, plan.parts, plan.halves):
        picture = plane_view(plane, part)
        for half in halves:
            picture = _scaled(picture, half)
        smaller.append(picture)
    if plan.merged is not None:
        return _scaled(cv2.merge(smaller, plan.merged), plan.yuv)
    size = plan.yuv.shape[:2]
    yuv: Any = cv2.merge([_scaled(one, np.empty(size, np.uint8)) for one in smaller], plan.yuv)
    return yuv  # type: ignore[no-any-return]


def plane_view(plane: Any, part: Box) -> Plane:
    """Part of a plane of PyAV's, where it lies."""
    stride = plane.line_size
    return np.ndarray(part[2:], np.uint8, plane, part.top * stride + part.left, (stride, 1))


def _scaled(picture: Any, out: Plane) -> Plane:
    """The picture at the size of ``out``, in its memory where that differs."""
    if picture.shape == out.shape:
        return picture  # type: ignore[no-any-return]
    return cv2.resize(picture, out.shape[1::-1], out, interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]
