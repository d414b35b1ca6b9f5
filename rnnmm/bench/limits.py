"""What this machine can do at most: the yardsticks that the other benchmarks are read against.

Every figure is the best of a few calls, for a limit is what is possible, not what is usual.
"""

import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from rnnmm.bench.recording import speech, write_flac, write_mp4
from rnnmm.bench.row import Row, limit
from rnnmm.bench.timing import threads

Bytes = NDArray[np.uint8]

_MEGABYTE = 1 << 20
_REPEATS = 5
_SOUND_S = 16.0
_NUM_FRAMES = 200


def measure(device: torch.device) -> list[Row]:
    """Memory, disk, arithmetic and decoders of one core; on a GPU also its copies and GEMM."""
    with tempfile.TemporaryDirectory() as folder, threads(1):
        rows = [
            *memory_rows(128 * _MEGABYTE),
            *disk_rows(Path(folder), 128 * _MEGABYTE),
            *arithmetic_rows(1024),
            *decoder_rows(Path(folder), _SOUND_S, _NUM_FRAMES),
        ]
    return rows + (cuda_rows(device, 256 * _MEGABYTE) if device.type == "cuda" else [])


def memory_rows(num_bytes: int) -> list[Row]:
    """Copying from memory to memory, by one thread and by two that share the work."""
    source, target = np.ones(num_bytes, np.uint8), np.zeros(num_bytes, np.uint8)
    rows = []
    for count in (1, 2):
        with ThreadPoolExecutor(count) as pool:
            taken_s = best_s(partial(_copy, pool, source, target, count))
        rows.append(limit(f"memcpy, {_threads(count)}", "GB/s", num_bytes / taken_s / 1e9))
    return rows


def disk_rows(folder: Path, num_bytes: int) -> list[Row]:
    """A file written through to the disk, then read without and with the help of the cache."""
    path, content = folder / "disk", np.random.default_rng(0).bytes(num_bytes)
    written_s = best_s(partial(_write_through, path, content), repeats=2)
    rows = [limit("disk write, with fsync", "GB/s", num_bytes / written_s / 1e9)]
    if hasattr(os, "posix_fadvise"):
        cold_s = best_s(partial(_read, path), partial(_forget, path), repeats=2)
        rows.append(limit("disk read, not in the page cache", "GB/s", num_bytes / cold_s / 1e9))
    warm_s = best_s(partial(_read, path))
    path.unlink()
    return [*rows, limit("disk read, in the page cache", "GB/s", num_bytes / warm_s / 1e9)]


def arithmetic_rows(size: int) -> list[Row]:
    """Matrix product and real FFT in float32, as torch does them in one thread."""
    square, frames = torch.rand(size, size), torch.rand(256, 512)
    product_s = best_s(lambda: square @ square)
    transform_s = best_s(lambda: [torch.fft.rfft(frames) for _ in range(20)]) / 20
    return [
        limit(f"GEMM {size}^3, float32, 1 thread", "GFLOP/s", 2 * size**3 / product_s / 1e9),
        limit("real FFT of 512, float32, 1 thread", "frames/s", len(frames) / transform_s),
    ]


def decoder_rows(folder: Path, sound_s: float, num_frames: int) -> list[Row]:
    """The codecs themselves in one thread: nothing is resampled, resized or kept."""
    write_flac(folder / "a.flac", speech(sound_s, 16_000), 16_000)
    flac_s = best_s(partial(decode_flac, folder / "a.flac"))
    rows = [limit("FLAC, 16 kHz mono, libsndfile", "x real time", sound_s / flac_s)]
    for width, height in ((320, 240), (640, 480)):
        write_mp4(folder / "a.mp4", num_frames, width, height)
        h264_s = best_s(partial(decode_h264, folder / "a.mp4"), repeats=3)
        name = f"H.264, {width} x {height}, libavcodec, 1 thread"
        rows.append(limit(name, "frames/s", num_frames / h264_s))
    return rows


def cuda_rows(device: torch.device, num_bytes: int) -> list[Row]:
    """Copies to and on the device, and its matrix products in float32 and bfloat16."""
    pinned = torch.empty(num_bytes, dtype=torch.uint8, pin_memory=True)
    here, there = (torch.empty(num_bytes, dtype=torch.uint8, device=device) for _ in range(2))
    to_device_s = _best_device_s(lambda: here.copy_(pinned, non_blocking=True))
    on_device_s = _best_device_s(lambda: there.copy_(here))
    rows = [
        limit("copy to the device, pinned", "GB/s", num_bytes / to_device_s / 1e9),
        limit("copy on the device, read + write", "GB/s", 2 * num_bytes / on_device_s / 1e9),
    ]
    size = 4096
    for dtype in (torch.float32, torch.bfloat16):
        square = torch.ones(size, size, device=device, dtype=dtype)
        product_s = _best_device_s(lambda square=square: square @ square)  # type: ignore[misc]
        name = f"GEMM {size}^3 on the device, {str(dtype).removeprefix('torch.')}"
        rows.append(limit(name, "TFLOP/s", 2 * size**3 / product_s / 1e12))
    return rows


def decode_flac(path: Path) -> None:
    """Reads a file as libsndfile gives it."""
    import soundfile

    soundfile.read(path, dtype="int16")


def decode_h264(path: Path) -> None:
    """Decodes every picture in one thread and drops it."""
    import av

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        for _ in container.decode(stream):
            pass


def best_s(
    work: Callable[[], object],
    prepare: Callable[[], object] = lambda: None,
    repeats: int = _REPEATS,
) -> float:
    """The shortest time of several calls; ``prepare`` runs before each and is not counted."""
    taken = []
    for _ in range(repeats):
        prepare()
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return min(taken)


def _best_device_s(work: Callable[[], object]) -> float:
    def waited() -> None:
        work()
        torch.cuda.synchronize()

    waited()
    return best_s(waited, torch.cuda.synchronize)


def _copy(pool: ThreadPoolExecutor, source: Bytes, target: Bytes, parts: int) -> None:
    list(pool.map(np.copyto, np.array_split(target, parts), np.array_split(source, parts)))


def _write_through(path: Path, content: bytes) -> None:
    with path.open("wb", buffering=0) as file:
        for start in range(0, len(content), 8 * _MEGABYTE):
            file.write(content[start : start + 8 * _MEGABYTE])
        os.fsync(file.fileno())


def _read(path: Path) -> None:
    buffer = bytearray(_MEGABYTE)
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass


def _forget(path: Path) -> None:
    """Asks the kernel to drop the file from its cache; what is clean, it drops."""
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"
