"""A tiny corpus of real files: three "speakers", each a pitch; and the words that train on it."""

import json
from pathlib import Path

import numpy as np
import soundfile

RATE = 8000
PITCHES_HZ = {"high": 900, "low": 200, "mid": 450}
SMALL = [
    "preprocess=audio_8khz",
    "features=log_mel_8khz_level",
    "model=crnn_classifier",
    "model.encoder.hidden_dim=8",
    "model.encoder.channels=[4,4]",
    "task=speaker",
    "loader.batch_size=4",
    "optim.learning_rate=0.02",
    "trainer.accelerator=cpu",
    "trainer.average_decay=0.5",
]


def tone(name: str, seed: int, rate: int = RATE, seconds: float = 0.3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    t = np.arange(int(rate * seconds * rng.uniform(0.7, 1.3))) / rate
    wave = np.sin(2 * np.pi * PITCHES_HZ[name] * rng.uniform(0.95, 1.05) * t)
    return 0.5 * wave + 0.02 * rng.standard_normal(len(t))


def make_tree(root: Path, splits: dict[str, int], rate: int = RATE, suffix: str = "wav") -> Path:
    for split, count in splits.items():
        for name in PITCHES_HZ:
            folder = root / split / name
            folder.mkdir(parents=True)
            for take in range(count):
                sound = tone(name, 1000 * len(split) + take, rate)
                soundfile.write(folder / f"{take}.{suffix}", sound, rate)
    return root


def words(corpus: Path, work: Path, *more: str) -> list[str]:
    return [
        "dataset=folder", f"dataset.root={corpus}", f"store.root={work / 'stores'}",
        f"run.dir={work / 'run'}", *SMALL, "trainer.max_epochs=6", *more,
    ]  # fmt: skip


def read(path: Path) -> dict:
    return json.loads(path.read_text())
