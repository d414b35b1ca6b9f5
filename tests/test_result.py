import json
import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from rnnmm.metrics.interval import Redraw, Tally
from rnnmm.result import Evaluation, to_json
from rnnmm.tasks.data import Rows
from rnnmm.tasks.task import Prediction, Score

SPLITS = ("train", "test", "test", "test")


class Birds(SimpleNamespace):
    def __len__(self) -> int:
        return len(SPLITS)


@pytest.fixture
def evaluation() -> Evaluation:
    """Three items in the split, of which one could not be used."""
    return make_evaluation([None] * 4)


def make_evaluation(groups: list[str | None], *, wer: float = 0.05) -> Evaluation:
    store = Birds(
        info={"name": "birds", "num_bad": 2, "findings": ["3 found, 4 published"]},
        ids=["a", "b", "c", "d"],
        column=lambda name: groups if name == "group" else [f"{id}.wav" for id in "abcd"],
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
    tallies = {"wer": Tally([0, 3], [4, 4]), "cer": Tally([0, 1], [0, 0])}
    score = Score({"wer": wer}, {"wer": 1.0}, {"right": 2}, tallies)
    return Evaluation(
        task,
        store,
        "test",
        rows,
        predictions,
        score,
        {"train": 1.23456},
        {"store": "abc"},
        {"items_per_s": 5.0},
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
        "intervals": {"wer": {"low": 0.0, "high": 0.75, "level": 0.95, "units": 2}},
        "counts": {
            "right": 2,
            "quarantined_in_all_splits": 2,
            "unusable": 1,
            "parameters": 8,
            "findings": ["3 found, 4 published"],
        },
        "seconds": {"train": 1.235},
        "throughput": {"items_per_s": 5.0},
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


def test_items_of_one_group_are_drawn_together() -> None:
    assert make_evaluation([None, "ann", "bob", None]).num_units == 2
    alone = make_evaluation([None, "ann", "ann", None])
    assert alone.num_units == 1
    assert alone.intervals == {}, "of one speaker nothing is known about others"


def test_a_figure_of_pairs_says_what_its_units_are() -> None:
    evaluation = make_evaluation([None] * 4)
    redraw = Redraw(7, lambda counts: float(counts[0]))
    score = evaluation.score._replace(redraws={"eer": redraw})
    interval = Evaluation(**{**vars(evaluation), "score": score}).metrics()["intervals"]["eer"]
    assert interval["units"] == 7
    assert interval["low"] == 0 < interval["high"]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_no_number_is_null_on_disk(value: float, tmp_path: Path) -> None:
    make_evaluation([None] * 4, wer=value).write(tmp_path)
    text = (tmp_path / "metrics.json").read_text()
    assert json.loads(text, parse_constant=pytest.fail)["metrics"] == {"wer": None}


def test_json_of_any_depth_is_json() -> None:
    assert to_json({"a": [(1.5, -math.inf)], "ä": math.nan}) == '{"a": [[1.5, null]], "ä": null}'


def test_a_list_of_the_task_s_own_is_written_or_taken_away(
    evaluation: Evaluation, tmp_path: Path
) -> None:
    score = evaluation.score
    lists = {"scores.txt": lambda: iter(["a\tß", "b"])}
    for _ in range(2):
        replace(evaluation, score=score._replace(lists=lists)).write(tmp_path)
        assert (tmp_path / "scores.txt").read_text(encoding="utf-8") == "a\tß\nb\n"
    evaluation.write(tmp_path)
    assert (tmp_path / "scores.txt").is_file(), "nothing was said of it"
    replace(evaluation, score=score._replace(lists={"scores.txt": None})).write(tmp_path)
    assert not (tmp_path / "scores.txt").exists()
