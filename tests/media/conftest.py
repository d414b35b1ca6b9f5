"""Media made on the spot: clips whose pictures tell which frame they are."""

import os
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile


@dataclass(frozen=True)
class Maker:
    """Makes media files in one folder."""

    folder: Path

    def gray_clip(
        self, name: str, times_ms: Sequence[int], height: int = 48, width: int = 64, **options: Any
    ) -> Path:
        """Pictures of one gray each, 4 levels apart, so that a frame tells its index below 50."""
        levels = [20 + 4 * (k % 50) for k in range(len(times_ms))]
        pictures = [np.full((height, width, 3), level, np.uint8) for level in levels]
        return self.clip(name, pictures, times_ms, **options)

    def indices(self, frames: np.ndarray) -> list[int]:
        """Which picture of a gray clip each frame is."""
        return [round((float(frame.mean()) - 20) / 4) for frame in frames]

    def clip(
        self,
        name: str,
        pictures: Sequence[np.ndarray],
        times_ms: Sequence[int],
        codec: str = "libx264",
        pix_fmt: str = "yuv420p",
        container_options: dict[str, str] | None = None,
        **settings: Any,
    ) -> Path:
        """Encodes pictures (h, w, 3) RGB with the time stamps given, in milliseconds."""
        path = self.folder / name
        with av.open(str(path), "w", options=container_options or {}) as container:
            stream = container.add_stream(codec, rate=20)
            stream.height, stream.width = pictures[0].shape[:2]
            stream.pix_fmt = pix_fmt
            stream.codec_context.time_base = Fraction(1, 1000)
            for key, value in settings.items():
                setattr(stream.codec_context, key, value)
            for picture, time_ms in zip(pictures, times_ms, strict=True):
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts, frame.time_base = time_ms, Fraction(1, 1000)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path

    def turn(self, path: Path, degrees: int) -> Path:
        """Writes a rotation into an MP4 file: players turn the picture clockwise by it."""
        data = bytearray(path.read_bytes())
        cos, sin = {90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees]
        one = 1 << 16
        matrix = (cos * one, sin * one, 0, -sin * one, cos * one, 0, 0, 0, 1 << 30)
        start = data.index(b"tkhd") + 4 + 40
        data[start : start + 36] = struct.pack(">9i", *matrix)
        path.write_bytes(data)
        return path

    def sound(self, name: str, samples: np.ndarray, rate: int, codec: str, **options: str) -> Path:
        """Encodes int16 mono through FFmpeg."""
        path = self.folder / name
        with av.open(str(path), "w", options=options) as container:
            stream = container.add_stream(codec, rate=rate, layout="mono")
            for start in range(0, len(samples), 1024):
                block = np.ascontiguousarray(samples[None, start : start + 1024])
                frame = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
                frame.sample_rate, frame.pts = rate, start
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path

    def clip_with_sound(self, name: str, times_ms: Sequence[int], samples: np.ndarray) -> Path:
        """Gray pictures, and int16 mono at 16 kHz as AAC."""
        path = self.folder / name
        with av.open(str(path), "w") as container:
            video = container.add_stream("libx264", rate=20)
            video.height, video.width = 48, 64
            video.codec_context.time_base = Fraction(1, 1000)
            sound = container.add_stream("aac", rate=16_000, layout="mono")
            for time_ms in times_ms:
                picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 99, np.uint8), "rgb24")
                picture.pts, picture.time_base = time_ms, Fraction(1, 1000)
                container.mux(video.encode(picture))
            container.mux(video.encode())
            for start in range(0, len(samples), 1024):
                block = np.ascontiguousarray(samples[None, start : start + 1024])
                frame = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
                frame.sample_rate, frame.pts = 16_000, start
                container.mux(sound.encode(frame))
            container.mux(sound.encode())
        return path

    def clip_with_nan(self, name: str) -> Path:
        """A good video beside a sound track whose samples are no numbers."""
        path = self.folder / name
        with av.open(str(path), "w") as container:
            video = container.add_stream("libx264", rate=20)
            video.height, video.width = 48, 64
            sound = container.add_stream("pcm_f32le", rate=16_000, layout="mono")
            for _ in range(20):
                picture = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), "rgb24")
                container.mux(video.encode(picture))
            container.mux(video.encode())
            nan = np.full((1, 16_000), np.nan, np.float32)
            frame = av.AudioFrame.from_ndarray(nan, format="flt", layout="mono")
            frame.sample_rate = 16_000
            container.mux(sound.encode(frame))
            container.mux(sound.encode())
        return path

    def wav(self, name: str, samples: np.ndarray, rate: int, subtype: str | None = None) -> Path:
        """Writes samples (n,) or (n, channels) with libsndfile, in the format of the name."""
        path = self.folder / name
        soundfile.write(path, samples, rate, subtype=subtype)
        return path

    def file(self, name: str, content: bytes) -> Path:
        """Writes any bytes."""
        path = self.folder / name
        path.write_bytes(content)
        return path


def tone(seconds: float, rate: int, hz: float = 440.0, level: float = 0.5) -> np.ndarray:
    """A sine, float64 within +-level."""
    return level * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)


@pytest.fixture
def open_files(tmp_path: Path) -> Callable[[], list[str]]:
    """What this process holds open in the test's folder; nothing where the system is silent."""

    def find() -> list[str]:
        opened = Path("/proc/self/fd")
        targets = [os.path.realpath(link) for link in opened.iterdir()] if opened.exists() else []
        return [target for target in targets if target.startswith(str(tmp_path))]

    return find


@pytest.fixture
def maker(tmp_path: Path) -> Maker:
    return Maker(tmp_path)


@pytest.fixture
def one_second() -> np.ndarray:
    """A tone, int16, 16 kHz."""
    return np.rint(tone(1, 16_000) * 32767).astype(np.int16)


@pytest.fixture
def clip(maker: Maker) -> Path:
    """Two seconds of H.264 with B-frames at 20 pictures/s, each of its own gray."""
    return maker.gray_clip("clip.mp4", range(0, 2000, 50), max_b_frames=2)
