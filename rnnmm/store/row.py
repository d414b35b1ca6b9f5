"""One item as a shard stores it."""

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # readers have no use for the decoders behind it
    from rnnmm.media.decode import Decoded


@dataclass(frozen=True)
class Row:
    """One item as stored.

    Args:
        id: the item's.
        audio: ``(N,)`` int16.
        frames: ``(T, H, W, 3)`` uint8, RGB.
        features: ``(T, F)`` float32.
        fault: why there is no payload; empty for a good item.
    """

    id: str
    audio: NDArray[np.int16]
    frames: NDArray[np.uint8]
    features: NDArray[np.float32]
    fault: str = ""

    @property
    def num_bytes(self) -> int:
        """Of the payload."""
        return self.audio.nbytes + self.frames.nbytes + self.features.nbytes

    @property
    def crc32(self) -> int:
        """CRC-32 of the payload: audio, frames, features, one after the other."""
        return payload_crc32(self.audio, self.frames, self.features)


def decoded_row(id: str, decoded: "Decoded") -> Row:
    """What a decoder gave, as a row."""
    row = faulty_row(id, "")
    audio = row.audio if decoded.audio is None else decoded.audio
    frames = row.frames if decoded.frames is None else decoded.frames
    features = row.features if decoded.features is None else decoded.features
    assert audio.dtype == np.int16 and audio.ndim == 1
    assert frames.dtype == np.uint8 and frames.ndim == 4 and frames.shape[3] == 3
    assert features.dtype == np.float32 and features.ndim == 2
    if len(audio) + len(frames) + len(features) == 0:
        return faulty_row(id, "decoded to nothing: no sample, no frame")
    contiguous = np.ascontiguousarray
    return Row(id, contiguous(audio), contiguous(frames), contiguous(features))


def faulty_row(id: str, fault: str) -> Row:
    """The row of an item that could not be decoded."""
    frames = np.zeros((0, 0, 0, 3), np.uint8)
    return Row(id, np.zeros(0, np.int16), frames, np.zeros((0, 0), np.float32), fault)


def payload_crc32(*arrays: NDArray[Any]) -> int:
    """CRC-32 of the bytes of arrays, one after the other."""
    total = 0
    for array in arrays:
        total = zlib.crc32(array.reshape(-1).view(np.uint8).data, total)
    return total
