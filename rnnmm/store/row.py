"""One item as a shard stores it."""

import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # readers have no use for the decoders behind it
    from rnnmm.media.decode import Decoded
    from rnnmm.media.film import Film

Shape = tuple[int, int, int, int]


@dataclass(frozen=True)
class Row:
    """One item as stored.

    Args:
        id: the item's.
        audio: ``(N,)`` int16.
        frames: uint8, RGB; raw ``(T * H * W * 3,)``, or ``(n,)`` the packets of a film.
        frame_shape: ``T, H, W, 3``.
        features: ``(T, F)`` float32.
        packet_bytes: ``(T,)`` int32, the sizes of a film's packets; ``(0,)`` for raw frames.
        fault: why there is no payload; empty for a good item.
    """

    id: str
    audio: NDArray[np.int16]
    frames: NDArray[np.uint8]
    frame_shape: Shape
    features: NDArray[np.float32]
    packet_bytes: NDArray[np.int32]
    fault: str = ""

    @property
    def num_bytes(self) -> int:
        """Of the payload."""
        return self.audio.nbytes + self.frames.nbytes + self.features.nbytes

    @property
    def crc32(self) -> int:
        """CRC-32 of the payload: audio, frames, features, packet sizes, one after the other."""
        return payload_crc32(self.audio, self.frames, self.features, self.packet_bytes)


def decoded_row(id: str, decoded: "Decoded") -> Row:
    """What a decoder gave, as a row."""
    row = faulty_row(id, "")
    audio = row.audio if decoded.audio is None else decoded.audio
    features = row.features if decoded.features is None else decoded.features
    assert audio.dtype == np.int16 and audio.ndim == 1
    assert features.dtype == np.float32 and features.ndim == 2
    if decoded.film is not None:
        frames, shape, packet_bytes = _filmed(decoded.film)
    else:
        frames, shape, packet_bytes = *_raw(decoded.frames), row.packet_bytes
    if len(audio) + shape[0] + len(features) == 0:
        return faulty_row(id, "decoded to nothing: no sample, no frame")
    contiguous = np.ascontiguousarray
    return Row(id, contiguous(audio), frames, shape, contiguous(features), packet_bytes)


def feature_row(id: str, features: NDArray[np.float32]) -> Row:
    """Features ``(T, F)`` without sound and pictures, as a row."""
    if not len(features):
        return faulty_row(id, "no frame of features")
    assert features.dtype == np.float32 and features.ndim == 2
    return replace(faulty_row(id, ""), features=np.ascontiguousarray(features))


def frame_row(id: str, frames: NDArray[np.uint8]) -> Row:
    """Frames ``(T, H, W, 3)`` without sound, as a row."""
    if not len(frames):
        return faulty_row(id, "no frame")
    data, shape = _raw(frames)
    return replace(faulty_row(id, ""), frames=data, frame_shape=shape)


def faulty_row(id: str, fault: str) -> Row:
    """The row of an item that could not be decoded."""
    none, no_features = np.zeros(0, np.uint8), np.zeros((0, 0), np.float32)
    shape = (0, 0, 0, 3)
    return Row(id, np.zeros(0, np.int16), none, shape, no_features, np.zeros(0, np.int32), fault)


def _raw(frames: NDArray[np.uint8] | None) -> tuple[NDArray[np.uint8], Shape]:
    if frames is None:
        return np.zeros(0, np.uint8), (0, 0, 0, 3)
    assert frames.dtype == np.uint8 and frames.ndim == 4 and frames.shape[3] == 3
    return np.ascontiguousarray(frames).reshape(-1), frames.shape


def _filmed(film: "Film") -> tuple[NDArray[np.uint8], Shape, NDArray[np.int32]]:
    assert film.data.dtype == np.uint8 and film.packet_bytes.dtype == np.int32
    assert film.packet_bytes.sum() == len(film.data)
    return film.data, (len(film.packet_bytes), film.height, film.width, 3), film.packet_bytes


def payload_crc32(*arrays: NDArray[Any]) -> int:
    """CRC-32 of the bytes of arrays, one after the other."""
    total = 0
    for array in arrays:
        total = zlib.crc32(array.reshape(-1).view(np.uint8).data, total)
    return total
