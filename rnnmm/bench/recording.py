"""Sound and pictures made on the spot, seeded, in real codecs: what the benchmarks decode."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

_SHORTEST_S, _LONGEST_S = 2.0, 16.0
_MEDIAN_S, _SPREAD = 7.0, 0.5  # of the log-normal: like the utterances of LibriSpeech
_FULL_SCALE = 0.7
_GRAIN = 6.0  # of 255: H.264 then needs 320 kbit/s at 240p, as a camera's pictures do


def durations_s(count: int, seed: int = 0) -> NDArray[np.float64]:
    """``(count,)`` seconds: log-normal, cut to 2..16."""
    drawn = np.random.default_rng(seed).lognormal(np.log(_MEDIAN_S), _SPREAD, count)
    return np.clip(drawn, _SHORTEST_S, _LONGEST_S)


def speech(duration_s: float, sample_rate: int, seed: int = 0) -> Float32:
    """``(N,)`` of full scale 1: a gliding pitch with harmonics, in syllables, with noise.

    FLAC makes 20 kB of a second of it at 16 kHz, as of real speech.
    """
    noise = np.random.default_rng(seed).standard_normal(int(duration_s * sample_rate))
    time_s = np.arange(len(noise)) / sample_rate
    phase = 2 * np.pi * np.cumsum(120 + 40 * np.sin(np.pi * time_s + seed)) / sample_rate
    voice = sum(np.sin(phase * harmonic) / harmonic for harmonic in range(1, 9))
    syllables = 0.5 + 0.5 * np.sin(6 * np.pi * time_s)
    mixed = (voice * syllables + 0.05 * noise) / 3
    return (_FULL_SCALE * mixed).astype(np.float32)


def write_flac(path: Path, sound: Float32, sample_rate: int) -> None:
    """16-bit mono."""
    import soundfile

    soundfile.write(path, sound, sample_rate, format="FLAC", subtype="PCM_16")


def write_mp3(path: Path, sound: Float32, sample_rate: int) -> None:
    """Stereo at 128 kbit/s, as music and podcasts come."""
    import av

    pcm = (sound * 32767).astype(np.int16)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("mp3", rate=sample_rate)
        stream.layout, stream.bit_rate = "stereo", 128_000
        interleaved = np.repeat(pcm, 2)[None]  # (1, 2 N)
        frame = av.AudioFrame.from_ndarray(interleaved, format="s16", layout="stereo")
        frame.rate = sample_rate
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)


def write_mp4(
    path: Path, num_frames: int, width: int = 320, height: int = 240, seed: int = 0,
    gop: int = 250,
) -> None:  # fmt: skip
    """H.264 at 25 frames per second: a soft pattern under a moving camera, with grain."""
    import av

    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"preset": "veryfast", "crf": "23", "threads": "2", "g": str(gop)}
        for picture in _pictures(num_frames, width, height, seed):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)


def _pictures(num_frames: int, width: int, height: int, seed: int) -> Any:
    import cv2

    rng = np.random.default_rng(seed)
    coarse = rng.normal(128, 60, (height // 8 + 8, width // 8 + 60, 3))
    size = (coarse.shape[1] * 8, coarse.shape[0] * 8)
    scene = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
    grains = rng.normal(0, _GRAIN, (5, height, width, 1))
    for index in range(num_frames):
        top, left = index % 40, 3 * index % 400
        view = scene[top : top + height, left : left + width] + grains[index % len(grains)]
        yield np.clip(view, 0, 255).astype(np.uint8)
