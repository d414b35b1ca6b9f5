import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from rnnmm.result import Evaluation
from rnnmm.tasks.data import Rows
from rnnmm.tasks.task import Prediction, Score

SPLITS = ("train", "test", "test", "test")


class Birds(SimpleNamespace):
    def __len__(self) -> int:
        return len(SPLITS)


@pytest.fixture
def evaluation() -> Evaluation:
    """Three items in the split, of which one could not be used."""
    store = Birds(
        info={"name": "birds", "num_bad": 2, "findings": ["3 found, 4 published"]},
        ids=["a", "b", "c", "d"],
        column=lambda name: [f"{id}.wav" for id in "abcd"],
        rows=lambda split: np.flatnonzero([one == split for one in SPLITS]),
    )
    task = SimpleNamespace(
        name="asr",
        device=torch.device("cpu"),
        model=nn.Linear(3, 2),
        detail=lambda prediction, references: {"length": len(prediction.hypothesis)},
    )
    references = [("x",), ("größe",), ("one", "two"), ()]
    rows = Rows(np.array([1, 2]), np.array([5, 6]), references)
    predictions = [Prediction(1, "größe", -0.12345678), Prediction(2, "one", -2.0)]
    score = Score({"wer": 0.05}, {"wer": 1.0}, {"right": 2})
    return Evaluation(
        task, store, "test", rows, predictions, score, {"train": 1.23456}, {"store": "abc"}
    )


def test_metrics_hold_what_the_contract_says(evaluation: Evaluation) -> None:
    figures = evaluation.metrics()
    versions = figures.pop("versions")
    assert {"python", "torch", "hardware"} <= set(versions)
    assert figures == {
        "schema": 1,
        "task": "asr",
        "dataset": "birds",
        "split": "test",
        "num_items": 2,
        "metrics": {"wer": 0.05},
        "floors": {"wer": 1.0},
        "counts": {
            "right": 2,
            "quarantined": 2,
            "unusable": 1,
            "parameters": 8,
            "findings": ["3 found, 4 published"],
        },
        "seconds": {"train": 1.235},
        "fingerprints": {"store": "abc"},
    }


def test_predictions_hold_a_line_an_item(evaluation: Evaluation) -> None:
    one, two = evaluation.answers()
    assert one == {
        "id": "b", "path": "b.wav", "reference": "größe", "hypothesis": "größe",
        "score": -0.123457, "length": 5,
    }  # fmt: skip
    assert two["reference"] == ["one", "two"]


def test_both_files_are_utf_8_and_read_back(evaluation: Evaluation, tmp_path: Path) -> None:
    evaluation.write(tmp_path / "new")
    assert json.loads((tmp_path / "new" / "metrics.json").read_bytes()) == evaluation.metrics()
    text = (tmp_path / "new" / "predictions.jsonl").read_text(encoding="utf-8")
    assert "größe" in text
    assert [json.loads(line) for line in text.splitlines()] == evaluation.answers()
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "metrics.json", "predictions.jsonl",
    ]  # fmt: skip


def test_all_counts_every_split(evaluation: Evaluation) -> None:
    every = Evaluation(**{**vars(evaluation), "split": "all"})
    assert every.metrics()["counts"]["unusable"] == 2
