"""A decoder whose behaviour each file asks for; a module of its own so that workers find it."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rnnmm.media.film import encode_film


@dataclass(frozen=True)
class FakeDecoding:
    sample_rate: int | None = 16000
    frame_rate: float | None = None
    height: int = 2
    width: int = 3
    max_duration_s: float = 60.0


@dataclass(frozen=True)
class FakeDecoded:
    audio: np.ndarray | None = None
    frames: np.ndarray | None = None
    features: np.ndarray | None = None
    film: object = None


def decode(path, decoding, start_s=None, end_s=None):
    """Obeys the file: "<verb> <n>", where n seeds and sizes what comes out."""
    verb, number = path.read_text().split()
    return globals()[f"_{verb}"](path, int(number), decoding, start_s)


def _sound(path, n, decoding, start_s):
    return FakeDecoded(audio=np.arange(n, dtype=np.int16) + int(start_s or 0))


def _video(path, n, decoding, start_s):
    frames = np.arange(n * 18, dtype=np.int64).reshape(n, 2, 3, 3).astype(np.uint8)
    return FakeDecoded(audio=np.full(10 * n, n, np.int16), frames=frames)


def _reel(path, n, decoding, start_s):
    return FakeDecoded(film=encode_film(gliding(n), gop_size=8, crf=10))


def gliding(num_frames):
    """``(T, 20, 30, 3)``: a slope that moves."""
    slope = np.arange(30 + num_frames, dtype=np.uint8) * 3
    rows = np.stack([slope[k : k + 30] for k in range(num_frames)])
    return np.broadcast_to(rows[:, None, :, None], (num_frames, 20, 30, 3))


def _features(path, n, decoding, start_s):
    return FakeDecoded(features=np.arange(n * 13, dtype=np.float32).reshape(n, 13))


def _slow(path, n, decoding, start_s):
    time.sleep(0.02)
    return _sound(path, n, decoding, start_s)


def _nothing(path, n, decoding, start_s):
    return FakeDecoded(audio=np.zeros(0, np.int16))


def _wrong(path, n, decoding, start_s):
    return FakeDecoded(audio=np.zeros(3))


def _bad(path, n, decoding, start_s):
    raise ValueError(f"{path}: no such\nstream in <File object at 0x7f{n:04x}>")


def _absent(path, n, decoding, start_s):
    raise FileNotFoundError(2, "gone", str(path))


def _chatty(path, n, decoding, start_s):
    os.write(1, b'["done", "a lie"]\n' * 1000)
    os.write(2, b"[mp3 @ 0x1] invalid frame\n" * 10000)
    return _sound(path, n, decoding, start_s)


def _abort(path, n, decoding, start_s):
    os.abort()


def _exit(path, n, decoding, start_s):
    os._exit(n)


def _hang(path, n, decoding, start_s):
    time.sleep(1000)


def _huge(path, n, decoding, start_s):
    return FakeDecoded(audio=np.zeros(50 << 30, np.int16))


def _once(path, n, decoding, start_s):
    seen = Path(f"{path}.seen")
    if not seen.exists():
        seen.touch()
        os.abort()
    return _sound(path, n, decoding, start_s)
