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


class _Step(NamedTuple):
    """A resize: the width and height that it makes, in pixels, and the memory for it."""

    size: tuple[int, int]
    out: Plane


class _Plan(NamedTuple):
    """What to do with the pictures of one kind, and the memory for it.

    parts: which part of each plane is wanted. alone: the resizes of each plane by itself. merged:
    the three after that. together: the resize of the three at once, if any. target: where the
    picture goes; None: it fills the frame.
    """

    parts: list[Box]
    alone: list[list[_Step]]
    merged: Plane
    together: list[_Step]
    to_rgb: Matrix
    target: Box | None


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
        self._kind: tuple[object, ...] = ()
        self._plan: _Plan | None = None

    def shrink(self, frame: Any, out: Plane) -> bool:
        """Writes ``(H, W, 3)`` RGB, what `rnnmm.media.frame.fit_picture` would but for rounding.

        Args:
            frame: PyAV's.
            out: where to.

        Returns:
            Whether it could: not for formats other than three planes of 8 bits, nor for unknown
            definitions of colour.
        """
        width, height = frame.width, frame.height
        kind = (frame.format.name, frame.colorspace, frame.color_range, height, width)
        if kind != self._kind:
            self._kind = kind
            self._plan = _planned(_Kind(*kind), self.geometry, self.pixel_aspect)
        plan = self._plan
        if plan is None:
            return False
        yuv = _shrunk(frame.planes, plan)
        if plan.target is None:
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


def _planned(kind: _Kind, geometry: Geometry, pixel_aspect: float) -> _Plan | None:
    sampling = _SAMPLING.get(kind.pixel_format.replace("j", ""))
    if sampling is None or kind.colour_space not in _WEIGHTS:
        return None
    source, target = lay_out(kind.height, kind.width, geometry, pixel_aspect)
    colour = _subsampled(source, *sampling)
    parts = [_whole_blocks(part, target) for part in (source, colour, colour)]
    alone = [_halvings(part, target) for part in parts]
    sizes = [steps[-1].out.shape if steps else part[2:] for part, steps in zip(parts, alone)]
    if len(set(sizes)) > 1:
        alone = [steps + _to_target(size, target) for steps, size in zip(alone, sizes)]
        sizes = [target[2:]]
    merged = np.empty((*sizes[0], 3), np.uint8)
    together = _to_target(sizes[0], target, 3)
    is_full_range = "j" in kind.pixel_format or kind.colour_range == _FULL_RANGE
    to_rgb = yuv_to_rgb(kind.colour_space, is_full_range)
    fills_frame = target[2:] == geometry[:2]
    return _Plan(parts, alone, merged, together, to_rgb, None if fills_frame else target)


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


def _halvings(part: Box, target: Box) -> list[_Step]:
    """Of a plane, one after the other.

    cv2's bilinear interpolation averages whole blocks when it halves, and has a fast path for it.
    What remains is a factor below 2: bilinear interpolation over it comes as close to
    cv2.INTER_AREA over the whole (37 to 47 dB on real films) as averaging larger blocks does, for
    a tenth of the time. Interpolating over the whole factor is 4 to 10 dB further away.
    """
    down, across = _times(part, target)
    steps = range(1, max(down, across) + 1)
    return [_step(part.height >> min(n, down), part.width >> min(n, across)) for n in steps]


def _to_target(size: tuple[int, ...], target: Box, *channels: int) -> list[_Step]:
    """The resize that is still missing, if any."""
    return [] if size == target[2:] else [_step(target.height, target.width, *channels)]


def _step(height: int, width: int, *channels: int) -> _Step:
    return _Step((width, height), np.empty((height, width, *channels), np.uint8))


def _shrunk(planes: tuple[Any, ...], plan: _Plan) -> Plane:
    """``(h, w, 3)`` YUV."""
    smaller: list[Any] = []
    for plane, part, steps in zip(planes, plan.parts, plan.alone):
        picture: Any = plane_view(plane, part)
        for size, out in steps:
            picture = cv2.resize(picture, size, out)  # bilinear
        smaller.append(picture)
    yuv: Any = cv2.merge(smaller, plan.merged)
    for size, out in plan.together:
        yuv = cv2.resize(yuv, size, out)
    return yuv  # type: ignore[no-any-return]


def plane_view(plane: Any, part: Box) -> Plane:
    """Part of a plane of PyAV's, where it lies."""
    top, left, height, width = part
    stride = plane.line_size
    return np.ndarray((height, width), np.uint8, plane, top * stride + left, (stride, 1))
