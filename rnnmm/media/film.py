"""Frames as H.264 in short groups: a fraction of their size, and any few of them read at random.

A group begins with a picture that needs no other, and no picture refers to one of another group.
So a clip costs the pictures from the beginning of its group on, half a group on average, and
nothing of the rest. There is no container: the sizes of the packets stand beside them.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, pairwise
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from rnnmm.media.frame import Box
from rnnmm.media.planar import plane_view, rgb_to_yuv, yuv_to_rgb

Frames = NDArray[np.uint8]

_BT601, _FULL_RANGE = 5, 2  # AVColorSpace, AVColorRange
_DECODED_FORMAT = "yuvj444p"
_PRESET = "fast"
# Without arithmetic coding and deblocking, which double the time to decode, and save 12 % of the
# bytes and 0.1 dB.
_FAST_TO_DECODE = "cabac=0:no-deblock=1"
_UNIT_TYPE_AT = 4  # behind the start code 00 00 00 01
_UNIT_TYPE_BITS = 0x1F
_SEQUENCE_PARAMETERS = 7  # the first unit of a packet with which a group begins

_AT_A_TIME = 16  # pictures

_OF_THREAD = threading.local()  # its decoder, which takes as long to set up as a picture to decode


@dataclass(frozen=True, slots=True)
class Film:
    """Compressed frames.

    Args:
        data: ``(n,)`` uint8: one packet per frame, one after the other.
        packet_bytes: ``(T,)`` int32, their sizes.
        height: of the frames, pixels.
        width: of the frames, pixels.
    """

    data: NDArray[np.uint8]
    packet_bytes: NDArray[np.int32]
    height: int
    width: int


def encode_film(frames: Frames, gop_size: int, crf: float) -> Film:
    """Compresses frames; equal frames give equal bytes with one version of x264.

    Colour is kept at full resolution and in full range.

    Args:
        frames: ``(T, H, W, 3)`` uint8, RGB.
        gop_size: frames in a group, >= 1.
        crf: x264's rate factor, 0 to 51: 18 is said to look the same, +6 is half the size.
    """
    height, width = frames.shape[1:3]
    encoder = _encoder(height, width, gop_size, crf)
    packets = [packet for frame in frames for packet in encoder.encode(_yuv_frame(frame))]
    packets += encoder.encode(None)
    sizes = np.array([packet.size for packet in packets], np.int32)
    assert len(sizes) == len(frames)
    data = np.frombuffer(b"".join(bytes(packet) for packet in packets), np.uint8)
    return Film(data, sizes, height, width)


def decode_film(film: Film, start: int, count: int, stride: int = 1) -> Frames:
    """Frames ``start, start + stride, ...``; what lies outside their groups is not touched.

    Args:
        film: of T frames.
        start: >= 0.
        count: >= 1.
        stride: >= 1; ``start + (count - 1) * stride < T``.

    Returns:
        ``(count, H, W, 3)`` uint8, RGB.

    Raises:
        ValueError: The data is damaged.
    """
    last = start + (count - 1) * stride
    ends = np.cumsum(film.packet_bytes[: last + 1], dtype=np.int64)
    first = _group_start(film.data, ends[: start + 1] - film.packet_bytes[: start + 1])
    frames = np.empty((count, film.height, film.width, 3), np.uint8)
    wanted = islice(_pictures(film, ends, first), start - first, None, stride)
    for position in range(0, count, _AT_A_TIME):
        # First decoded, then converted: in turns, each would find the other's code in the cache.
        block = list(islice(wanted, _AT_A_TIME))
        for picture, frame in zip(block, frames[position:]):
            _convert(picture, frame)
    return frames


def _pictures(film: Film, ends: NDArray[np.int64], first: int) -> Iterator[Any]:
    """Decodes the packets from the first-th, with which a group begins."""
    decoder = _decoder()
    begin = int(ends[first] - film.packet_bytes[first])
    data = film.data[begin : ends[-1]].tobytes()
    stops = (ends[first:] - begin).tolist()
    for index, (start, stop) in enumerate(pairwise([0, *stops]), first):
        try:
            (picture,) = decoder.decode(av.Packet(data[start:stop]))
        except (av.FFmpegError, ValueError) as error:
            raise ValueError(f"frame {index} of a stored film is damaged: {error}") from error
        size = (picture.height, picture.width)
        if picture.format.name != _DECODED_FORMAT or size != (film.height, film.width):
            raise ValueError(
                f"frame {index} of a stored film is damaged: expected {_DECODED_FORMAT} of "
                f"{film.width} x {film.height}, got {picture.format.name} of {size[1]} x {size[0]}"
            )
        yield picture


def _convert(picture: Any, out: Frames) -> None:
    """Writes ``(H, W, 3)`` RGB."""
    whole = Box(0, 0, *out.shape[:2])
    yuv = cv2.merge([plane_view(plane, whole) for plane in picture.planes])
    cv2.transform(yuv, yuv_to_rgb(_BT601, is_full_range=True), out)


def _encoder(height: int, width: int, gop_size: int, crf: float) -> Any:
    encoder: Any = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv444p"
    encoder.time_base, encoder.thread_count = Fraction(1, 25), 1
    encoder.colorspace, encoder.color_range = _BT601, _FULL_RANGE
    groups = f"keyint={gop_size}:min-keyint={gop_size}:scenecut=0:open-gop=0:bframes=0"
    # With its macroblock tree x264 gives other bytes from run to run, at some sizes.
    parameters = f"{groups}:mbtree=0:{_FAST_TO_DECODE}"
    encoder.options = {"preset": _PRESET, "crf": f"{crf:g}", "x264-params": parameters}
    return encoder


def _yuv_frame(rgb: Frames) -> av.VideoFrame:
    yuv = cv2.transform(rgb, rgb_to_yuv(_BT601, is_full_range=True))
    planes: Any = np.stack(cv2.split(yuv))  # (3, H, W)
    frame: Any = av.VideoFrame.from_ndarray(planes, format="yuv444p")
    frame.colorspace, frame.color_range = _BT601, _FULL_RANGE
    return frame  # type: ignore[no-any-return]


def _group_start(data: NDArray[np.uint8], starts: NDArray[np.int64]) -> int:
    """The last of some packets that begins a group."""
    unit_types = data[starts + _UNIT_TYPE_AT] & _UNIT_TYPE_BITS
    return int(np.flatnonzero(unit_types == _SEQUENCE_PARAMETERS)[-1])


def _decoder() -> Any:
    """This thread's, with nothing left of what it decoded before."""
    decoder: Any = getattr(_OF_THREAD, "decoder", None)
    if decoder is None:
        decoder = _OF_THREAD.decoder = av.CodecContext.create("h264", "r")
        decoder.thread_count = 1
    else:
        decoder.flush_buffers()
    return decoder
