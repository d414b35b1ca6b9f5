import io
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from rnnmm import summary
from rnnmm.metrics.errors import Edit
from rnnmm.metrics.interval import Interval
from rnnmm.summary import summarise, write_report
from rnnmm.tasks.data import Rows
from rnnmm.tasks.task import Prediction

RATE = 8000
CLIP = np.zeros((2, 4, 4, 3), np.uint8)


def evaluation_of(right: int, wrong: int, **counts: object) -> SimpleNamespace:
    """Items 0.. of which the first so many are answered right."""
    total = right + wrong
    store = SimpleNamespace(
        info={"decoding": {"frame_rate": None, "sample_rate": RATE}},
        ids=[f"item{n}" for n in range(total)],
        num_samples=np.full(total, 80),
        num_frames=np.arange(total) % 2,
        audio=lambda row: np.full(80, row, np.int16),
        frames=lambda row: CLIP,
    )
    answers = ["yes"] * right + ["no"] * wrong
    predictions = [Prediction(row, answer, -1.0) for row, answer in enumerate(answers)]
    rows = Rows(np.arange(total), np.full(total, 80), [("yes", "yep")] * total)
    task = SimpleNamespace(
        name="asr", metric="wer", is_lower_better=True,
        detail=lambda p, _: {"alignment": [["hit", "yes", "yes"]]} if p.row == 0 else {},
    )  # fmt: skip
    figures = {
        "dataset": "words", "metrics": {"wer": 0.1}, "floors": {"wer": 1.0},
        "seconds": {"train": 1.0}, "counts": {"findings": ["a clip is missing"], **counts},
    }  # fmt: skip
    return SimpleNamespace(
        task=task, store=store, split="test", rows=rows, predictions=predictions,
        metrics=lambda: figures, intervals={"wer": Interval(0.05, 0.2)},
    )  # fmt: skip


def test_figures_pass_through(tmp_path: Path) -> None:
    page = summarise(evaluation_of(2, 1), tmp_path)
    assert (page.name, page.dataset, page.split, page.num_items) == ("asr", "words", "test", 3)
    assert (page.headline, page.goal) == ("wer", "lower")
    assert (page.metrics, page.floors) == ({"wer": 0.1}, {"wer": 1.0})
    assert page.intervals == {"wer": (0.05, 0.2)}
    assert page.notes == ["a clip is missing"]
    assert page.confusion is None
    assert list(page.history) == []


@pytest.mark.parametrize(
    ("right", "wrong", "chosen"),
    [
        (9, 9, [9, 10, 11, 0, 1, 2]),
        (1, 9, [1, 2, 3, 4, 5, 0]),
        (9, 1, [9, 0, 1, 2, 3, 4]),
        (1, 1, [1, 0]),
        (0, 2, [0, 1]),
    ],
)
def test_examples_are_half_wrong_and_half_right(
    right: int, wrong: int, chosen: list[int], tmp_path: Path
) -> None:
    page = summarise(evaluation_of(right, wrong), tmp_path)
    assert [example.id for example in page.examples] == [f"item{n}" for n in chosen]


def test_an_example_can_be_played_and_looked_at(tmp_path: Path) -> None:
    zero, one = summarise(evaluation_of(2, 0), tmp_path).examples
    sound, rate = soundfile.read(io.BytesIO(one.audio), dtype="int16")
    assert rate == RATE
    assert sound.tolist() == [1] * 80
    assert zero.frames is None
    assert one.frames is CLIP
    assert one.frame_rate == 1.0
    assert zero.reference == "yes\nyep"
    assert zero.alignment == [Edit("hit", "yes", "yes")]
    assert one.alignment is None


def test_sound_of_half_an_hour_is_not_put_into_the_page(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(summary, "_LONGEST_S", 79 / RATE)
    _, one = summarise(evaluation_of(2, 0), tmp_path).examples
    assert one.audio is None
    monkeypatch.setattr(summary, "_LONGEST_S", 80 / RATE)
    _, one = summarise(evaluation_of(2, 0), tmp_path).examples
    assert one.audio is not None


def test_the_confusion_is_a_matrix(tmp_path: Path) -> None:
    counts = {"classes": ["no", "yes"], "confusion": [[1, 0], [2, 3]]}
    names, matrix = summarise(evaluation_of(1, 0, **counts), tmp_path).confusion
    assert names == ["no", "yes"]
    assert matrix.tolist() == [[1, 0], [2, 3]]


def test_the_history_is_read_back(tmp_path: Path) -> None:
    (tmp_path / "history.csv").write_text("epoch,train_loss,val_wer,seconds\n0,2.5,0.9,1\n")
    page = summarise(evaluation_of(1, 0), tmp_path)
    assert page.history == [{"epoch": 0.0, "train_loss": 2.5, "val_wer": 0.9}]


def test_one_page_holds_several_evaluations(tmp_path: Path) -> None:
    one, two = evaluation_of(1, 1), evaluation_of(2, 0)
    write_report(tmp_path / "report.html", "both of them", [(one, tmp_path), (two, tmp_path)])
    html = (tmp_path / "report.html").read_text()
    assert "both of them" in html
    assert html.count("item0") == 2


def test_classes_and_labels_stand_in_a_table(tmp_path: Path) -> None:
    one = {"items": 2, "answers": 0, "recall": 0.5, "precision": None}
    page = summarise(evaluation_of(1, 0, per_class={"run": one}), tmp_path)
    assert page.classes == [
        ["Class", "Items", "Answers", "Recall", "Precision"],
        ["run", "2", "0", "0.500", "n/a"],
    ]
    counts = {
        "average_precision": {"sit": 0.25, "eat": np.nan},
        "items_with": {"sit": 3, "eat": 0},
    }
    page = summarise(evaluation_of(1, 0, **counts), tmp_path)
    assert page.classes[1:] == [["sit", "3", "0.250"], ["eat", "0", "n/a"]]
    assert summarise(evaluation_of(1, 0), tmp_path).classes == []


def test_a_ceiling_has_its_column_where_there_is_one(tmp_path: Path) -> None:
    heads = {}
    for name, counts in (("with", {"ceilings": {"wer": 0.0625}}), ("without", {})):
        write_report(tmp_path / name, "t", [(evaluation_of(1, 1, **counts), tmp_path)])
        heads[name] = (tmp_path / name).read_text()
    assert ">Ceiling</th>" in heads["with"] and "6.2 %" in heads["with"]
    assert ">Ceiling</th>" not in heads["without"]


def test_the_curve_of_errors_is_drawn_where_there_is_one(tmp_path: Path) -> None:
    rates = {"false_accept_rates": [1.0, 0.1, 0.0], "miss_rates": [0.0, 0.2, 1.0]}
    assert summarise(evaluation_of(2, 1), tmp_path).det is None
    assert summarise(evaluation_of(2, 1, det=rates), tmp_path).det == tuple(rates.values())
    for counts, times in (({}, 0), ({"det": rates}, 1)):
        path = tmp_path / "report.html"
        write_report(path, "Voices", [(evaluation_of(2, 1, **counts), tmp_path)])
        assert path.read_text().count('aria-label="Misses by false accepts"') == times
        assert path.read_text().count('class="line det"') == times
