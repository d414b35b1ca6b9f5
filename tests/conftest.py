"""Settings of the whole suite, and a store in memory: as much of one as tasks look at."""

import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

# A loaded machine is no fault of the code; and the same examples on every run.
settings.register_profile("rnnmm", deadline=None, derandomize=True)
settings.load_profile("rnnmm")


class MemoryStore:
    """Stored features of 4 numbers a step; a row is a dict of its columns."""

    path = Path("memory")
    fingerprint = "memory"

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.table = rows
        self.info = {
            "name": "memory", "num_bad": 1, "findings": ["one clip is missing"],
            "decoding": {"frame_rate": None, "sample_rate": None},
        }  # fmt: skip
        self.ids = [f"item{n}" for n in range(len(rows))]
        steps = [row.get("steps", 6) for row in rows]
        self.num_feature_frames = np.array(steps, np.int64)
        self.num_samples = self.num_frames = np.zeros(len(rows), np.int64)

    def __len__(self) -> int:
        return len(self.table)

    def column(self, name: str) -> list[Any]:
        if name == "path":
            return [f"{id}.mfc" for id in self.ids]
        return [4 if name == "feature_dim" else row.get(name) for row in self.table]

    def segments(self) -> list[Any]:
        return [row.get("segments") for row in self.table]

    def text(self, row: int) -> str | None:
        return self.table[row].get("text")

    def rows(self, split: str) -> np.ndarray:
        return np.flatnonzero([row.get("split", "train") == split for row in self.table])

    def features(self, row: int) -> np.ndarray:
        rng = np.random.default_rng(row)
        shape = (int(self.num_feature_frames[row]), 4)
        level = hash_of(self.table[row].get("label") or "")
        return (level + 0.1 * rng.standard_normal(shape)).astype(np.float32)


def hash_of(label: str) -> float:
    """Classes that can be told apart."""
    return sum(map(ord, label)) % 7 - 3.0


@pytest.fixture
def memory_store() -> Callable[[list[dict[str, Any]]], MemoryStore]:
    return MemoryStore


@pytest.fixture
def quiet_lightning() -> None:
    """Silences Lightning's advice on DataLoader workers and the like, as the pipelines do."""
    warnings.filterwarnings("ignore", module="lightning")
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
