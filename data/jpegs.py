"""Folders of JPEG pictures as one video file each: copied, not encoded anew."""

import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av

from rnnmm.manifest import name_some

_MARK = b"\xff\xd8\xff"
_SIZE_MARKERS = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})


class PictureSize(NamedTuple):
    """Of a picture, pixels."""

    width: int
    height: int


def join_jpegs(pictures: Sequence[Path], to: Path, frame_rate: float) -> PictureSize:
    """Writes pictures as the frames of a Motion JPEG video in Matroska, not a bit changed.

    A file that is there already stays, if its frames are of the pictures' sizes and it is as new.

    Args:
        pictures: in order, at least one, all of one size.
        to: the file; its folder is made.
        frame_rate: frames per second.

    Returns:
        Of the pictures.

    Raises:
        ValueError: A picture is no JPEG file; sizes differ.
    """
    size = read_size(pictures[0])
    if not _is_joined(pictures, to):
        odd = [path.name for path in pictures if read_size(path) != size]
        if odd:
            raise ValueError(
                f"{pictures[0].parent}: expected pictures of {size.width} x {size.height} as the "
                f"first, got others: {name_some(odd)}"
            )
        to.parent.mkdir(parents=True, exist_ok=True)
        unfinished = to.with_name(f".{os.getpid()}.{to.name}")
        try:
            _write(pictures, unfinished, size, Fraction(frame_rate).limit_denominator(1001))
            unfinished.replace(to)
        finally:
            unfinished.unlink(missing_ok=True)
    return size


def read_size(path: Path) -> PictureSize:
    """Width and height out of a JPEG file's header.

    Raises:
        ValueError: It is none.
    """
    data = path.read_bytes()
    place = 2
    while data.startswith(_MARK) and place + 9 <= len(data) and data[place] == 0xFF:
        if data[place + 1] in _SIZE_MARKERS:
            height, width = (int.from_bytes(data[place + n : place + n + 2]) for n in (5, 7))
            return PictureSize(width, height)
        place += 2 + int.from_bytes(data[place + 2 : place + 4])
    raise ValueError(f"{path}: expected a JPEG file, got something else")


def _is_joined(pictures: Sequence[Path], to: Path) -> bool:
    if not to.is_file() or any(p.stat().st_mtime_ns > to.stat().st_mtime_ns for p in pictures):
        return False
    with av.open(str(to)) as container:
        sizes = [packet.size for packet in container.demux(video=0) if packet.size]
    return sizes == [path.stat().st_size for path in pictures]


def _write(pictures: Sequence[Path], to: Path, size: PictureSize, rate: Fraction) -> None:
    options = {"fflags": "+bitexact"}
    with av.open(str(to), "w", format="matroska", options=options) as container:
        stream = container.add_stream("mjpeg", rate=rate)
        stream.width, stream.height = size
        stream.pix_fmt = "yuvj420p"
        for number, path in enumerate(pictures):
            packet = av.Packet(path.read_bytes())
            packet.stream = stream
            packet.time_base = 1 / rate
            packet.pts = packet.dts = number
            packet.duration = 1
            packet.is_keyframe = True
            container.mux(packet)
