"""Other ways from a video file to training frames, each with its best settings for one thread."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from rnnmm.bench.row import unavailable

Frames = NDArray[np.uint8]
Indices = NDArray[np.int64]
Peer = Callable[[Path, Indices, int], Frames]


def chosen_indices(num_pictures: int, picture_rate: float, frame_rate: float) -> Indices:
    """Which pictures of a film of constant rate are its frames at another, lower rate."""
    count = int(num_pictures * frame_rate / picture_rate)
    indices: Indices = np.floor(np.arange(count) * picture_rate / frame_rate + 1e-9).astype(int)
    return indices


def unusable(module: str, trial: Callable[[], object]) -> str | None:
    """Why a peer cannot take part: not installed, or its first use fails for want of a library."""
    reason = unavailable(module)
    if reason is None:
        try:
            trial()
        except (ImportError, OSError, RuntimeError):
            reason = f"{module} (broken here)"
    return reason


def by_opencv(path: Path, indices: Indices, size_px: int) -> Frames:
    """Pictures that are not wanted are grabbed, not retrieved; then cv2.resize and cvtColor."""
    frames = np.empty((len(indices), size_px, size_px, 3), np.uint8)
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    position = 0
    for index in range(int(indices[-1]) + 1):
        capture.grab()
        if index == indices[position]:
            small = cv2.resize(capture.retrieve()[1], (size_px, size_px))
            cv2.cvtColor(small, cv2.COLOR_BGR2RGB, frames[position])
            position += 1
    capture.release()
    return frames


def by_swscale(path: Path, indices: Indices, size_px: int) -> Frames:
    """PyAV; the wanted pictures scaled and converted in one step by libswscale, bilinear."""
    frames = np.empty((len(indices), size_px, size_px, 3), np.uint8)
    position, scaler = 0, VideoReformatter()
    for index, picture in enumerate(_decoded(path)):
        if index == indices[position]:
            scaled = scaler.reformat(
                picture, size_px, size_px, "rgb24", interpolation="BILINEAR", threads=1
            )
            frames[position] = scaled.to_ndarray()
            position += 1
            if position == len(indices):
                break
    return frames


def by_decord(path: Path, indices: Indices, size_px: int) -> Frames:
    """decord, which scales while it decodes."""
    import decord

    reader = decord.VideoReader(str(path), width=size_px, height=size_px, num_threads=1)
    return reader.get_batch(indices).asnumpy()  # type: ignore[no-any-return]


def by_torchcodec(path: Path, indices: Indices, size_px: int) -> Frames:
    """torchcodec, then torch's bilinear interpolation."""
    import torchcodec.decoders
    from torch.nn.functional import interpolate

    decoders: Any = torchcodec.decoders
    decoder = decoders.VideoDecoder(str(path), num_ffmpeg_threads=1)
    pictures = decoder.get_frames_at(indices.tolist()).data  # (T, 3, h, w)
    small = interpolate(pictures, (size_px, size_px), mode="bilinear")  # (T, 3, H, W)
    return small.permute(0, 2, 3, 1).contiguous().numpy()


def clip_by_pyav(path: Path, start_s: float, count: int, size_px: int) -> Frames:
    """Consecutive pictures from the middle of a file: sought by key frame, decoded from there."""
    frames = np.empty((count, size_px, size_px, 3), np.uint8)
    position, scaler = 0, VideoReformatter()
    for picture in _decoded(path, start_s):
        if picture.time >= start_s - 1e-3:
            scaled = scaler.reformat(
                picture, size_px, size_px, "rgb24", interpolation="BILINEAR", threads=1
            )
            frames[position] = scaled.to_ndarray()
            position += 1
            if position == count:
                break
    return frames


def _decoded(path: Path, start_s: float = 0.0) -> Iterator[Any]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        if start_s > 0:
            container.seek(int(start_s * av.time_base))
        yield from container.decode(stream)
