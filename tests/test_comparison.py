from types import SimpleNamespace

import pytest
from torch import nn

from rnnmm.comparison import compare
from rnnmm.metrics.interval import Redraw, Tally
from rnnmm.tasks.task import Prediction, Score

IDS = ("a", "b", "c", "d", "e", "f")
TRUTH = ("x", "y", "x", "y", "x", "y")


class Words:
    """A task whose answers are right or wrong."""

    def __init__(self, name: str = "action") -> None:
        self.name = name
        self.model = nn.Linear(3, 2)

    def score(self, predictions, references) -> Score:
        right = [p.hypothesis == r[0] for p, r in zip(predictions, references)]
        share = sum(right) / len(right)
        return Score(
            {"accuracy": share, "spread": 1.0, "error": 1 - share},
            {"accuracy": 0.5},
            {},
            {"accuracy": Tally.of_means(right)},
            {"error": Redraw(6, lambda times: 1 - float(times @ right) / float(times.sum()))},
        )


def answered(hypotheses: str, ids=IDS, truth=TRUTH, groups=None, name: str = "action"):
    """An evaluation of items in that order."""
    predictions = [Prediction(row, one, 0.0) for row, one in enumerate(hypotheses)]
    columns = {"group": groups or [None] * len(ids)}
    return SimpleNamespace(
        task=Words(name),
        store=SimpleNamespace(ids=list(ids), info={"name": "clips"}, column=columns.get),
        split="test",
        rows=SimpleNamespace(references=[(one,) for one in truth]),
        predictions=predictions,
        units=columns["group"] if groups else list(range(len(ids))),
        seconds={"train": 1.23456},
        fingerprints={"weights": hypotheses},
    )


def test_answers_are_paired_by_id_whatever_their_order() -> None:
    first, mirrored = answered("xxxxxx"), answered("yxyxyx", IDS[::-1], TRUTH[::-1])
    assert mirrored.rows.references[0] == ("y",)  # of f
    found = compare(["mean", "lstm"], [first, mirrored]).differences(1)
    assert found["accuracy"].value == pytest.approx(1.0 - 0.5)
    assert found["accuracy"].num_units == 6
    low, high = found["accuracy"].interval
    assert 0 <= low < 0.5 < high <= 1
    assert found["error"].value == pytest.approx(-0.5)
    assert "spread" not in found  # nobody knows how to draw it anew


def test_equal_answers_do_not_differ() -> None:
    found = compare(["one", "two"], [answered("xxxxxx"), answered("xxxxxx")]).differences(1)
    assert found["accuracy"].interval == (0.0, 0.0)


def test_groups_are_drawn_whole() -> None:
    groups = ["ann", "ann", "ann", "bob", "bob", "bob"]
    runs = [answered("xxxxxx", groups=groups), answered("xyxyxy", groups=groups)]
    found = compare(["one", "two"], runs).differences(1)["accuracy"]
    assert found.num_units == 2
    # 1 of 3 wrong answers of ann's and 2 of 3 of bob's are mended: draws of one of them alone.
    assert found.interval == pytest.approx((1 / 3, 2 / 3))


def test_the_summary_says_what_was_compared() -> None:
    runs = [answered("xxxxxx"), answered("xyxyxx"), answered("xyxyxy")]
    summary = compare(["mean", "gru", "lstm"], runs).summary()
    assert {name: summary[name] for name in ("schema", "task", "dataset", "split", "first")} == {
        "schema": 1, "task": "action", "dataset": "clips", "split": "test", "first": "mean",
    }  # fmt: skip
    assert summary["num_items"] == 6
    assert [run["name"] for run in summary["runs"]] == ["mean", "gru", "lstm"]
    mean, gru, _ = summary["runs"]
    assert mean["differences"] == {}
    assert (mean["parameters"], mean["seconds"]) == (8, {"train": 1.235})
    assert set(gru["differences"]["accuracy"]) == {"difference", "low", "high", "level", "units"}
    assert gru["differences"]["accuracy"]["difference"] == pytest.approx(2 / 6)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (answered("xxxxx", IDS[:5], TRUTH[:5]), r"lstm and mean: expected answers to the same "
         r"items, got 1 that only one has answered \(f\)"),
        (answered("xxxxxx", truth="xyxyxx"), r"expected the same references, got others of 1 item"
         r"s \(f\)"),
        (answered("xxxxxx", name="asr"), "expected runs of one task, got asr and action"),
    ],
)  # fmt: skip
def test_runs_over_other_items_are_refused(other, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compare(["mean", "lstm"], [answered("xxxxxx"), other])


@pytest.mark.parametrize("names", [["mean"], ["mean", "mean"]])
def test_one_run_alone_is_refused(names: list[str]) -> None:
    with pytest.raises(ValueError, match="expected two or more runs by distinct names, got mean"):
        compare(names, [answered("xxxxxx")] * len(names))
