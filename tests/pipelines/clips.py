"""A tiny corpus of real MP4 files: something light moves left or right; and the words for it."""

from pathlib import Path

import av
import numpy as np

RATE = 10
SOUND_HZ = 16_000
CLASSES = {"left": -1, "right": 1}
SMALL = [
    "preprocess.decoding.height=32",
    "preprocess.decoding.width=32",
    "loader.batch_size=4",
    "optim.learning_rate=0.01",
    "trainer.accelerator=cpu",
]


def make_clip(path: Path, direction: int, seed: int) -> Path:
    """Eight pictures of a square that moves, at 10 frames per second."""
    rng = np.random.default_rng(seed)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mpeg4", rate=RATE)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        for step in range(8):
            picture = rng.integers(0, 40, (32, 32, 3), dtype=np.uint8)
            x = 12 + direction * (2 * step - 7)
            picture[10:20, max(x, 0) : x + 8] = 255
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


def make_clips(root: Path, splits: dict[str, int]) -> Path:
    for split, count in splits.items():
        for name, direction in CLASSES.items():
            folder = root / split / name
            folder.mkdir(parents=True)
            for take in range(count):
                make_clip(folder / f"{take}.mp4", direction, 100 * len(split) + take)
    return root


def make_scene(path: Path, height: int, width: int, seconds: float = 2.0) -> Path:
    """Dark pictures at 30 per second, a light square in the middle from 1 s on, and a tone."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=30)
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        sound = file.add_stream("aac", rate=SOUND_HZ, layout="mono")
        for number in range(round(seconds * 30)):
            picture = np.full((height, width, 3), 40, np.uint8)
            if number >= 30:
                picture[height // 2 - 20 : height // 2 + 20, width // 2 - 20 : width // 2 + 20] = (
                    250
                )
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(stream.encode())
        steps = np.arange(round(seconds * SOUND_HZ))
        tone = np.rint(9_000 * np.sin(steps * 2 * np.pi * 440 / SOUND_HZ)).astype(np.int16)
        for start in range(0, len(tone), 1024):
            block = np.ascontiguousarray(tone[None, start : start + 1024])
            frame = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
            frame.sample_rate, frame.pts = SOUND_HZ, start
            file.mux(sound.encode(frame))
        file.mux(sound.encode())
    return path
