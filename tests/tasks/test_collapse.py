import csv
import math
from dataclasses import replace

import pytest
import torch

from rnnmm.features.chain import Chain
from rnnmm.loading.order import Batching
from rnnmm.models.ctc import CtcModel
from rnnmm.nn.recurrent import Recurrent
from rnnmm.tasks.collapse import Circumstances, Sameness, causes, sameness, warning
from rnnmm.tasks.data import StoreData, select_rows
from rnnmm.tasks.optimisation import AdamW
from rnnmm.tasks.recognition import SpeechRecognition, Transcript
from rnnmm.tasks.task import Prediction
from rnnmm.tasks.training import fit, make_trainer

pytestmark = pytest.mark.usefixtures("quiet_lightning")

WELL = Circumstances(
    blank=1.0, missing=0.0, steps_per_symbol=6.0, feature_mean=0.1, feature_deviation=1.0,
    learning_rate=1e-3, clipped=0.3, num_steps=20_000,
)  # fmt: skip


@pytest.mark.parametrize(
    ("texts", "expected", "is_collapsed"),
    [
        (["", "", "", "a"], Sameness(0.75, 0.0, 0.0), False),
        ([""] * 9 + ["ab"], Sameness(0.9, 0.0, 0.0), True),
        (["ee", "eee", "eeee", ""], Sameness(0.25, 0.75, 0.0), True),
        (["the"] * 9 + ["a dog"], Sameness(0.0, 0.0, 0.9), True),
        (["one", "two", "one", "six"], Sameness(0.0, 0.0, 0.5), False),
        (["a", "b", "c"], Sameness(0.0, 0.0, 0.0), False),  # one symbol is an answer
        ([[3, 3], [4, 4, 4], [], [5]], Sameness(0.25, 0.5, 0.0), False),
    ],
)
def test_answers_that_say_nothing_are_told_from_those_that_do(
    texts, expected: Sameness, is_collapsed: bool
) -> None:
    assert sameness(texts) == expected
    assert sameness(texts).is_collapsed == is_collapsed


@pytest.mark.parametrize(
    ("change", "first"),
    [
        ({"missing": 0.5}, "50% of the references hold symbols that the vocabulary lacks"),
        ({"steps_per_symbol": 1.2}, "1.2 steps for a symbol are too coarse a grid: lower the enc"),
        ({"feature_deviation": 300.0}, "deviation 3e+02 are not normalised: add rnnmm.features.n"),
        ({"feature_mean": -40.0}, "features of mean -40 and deviation 1 are not normalised"),
        ({"learning_rate": 0.05}, "a learning rate of 0.05, with gradients clipped in 30% of the"),
        ({"clipped": 0.95}, "with gradients clipped in 95% of the steps, is too high: lower opti"),
        ({"learning_rate": 1e-6}, "a learning rate of 1e-06 is too low: raise"),
        ({"num_steps": 150}, "150 steps are few: train for more epochs"),
        ({}, "none of the usual causes shows in the numbers"),
        ({"clipped": math.nan}, "none of the usual causes shows in the numbers"),
    ],
)
def test_the_numbers_choose_the_cause(change: dict[str, float], first: str) -> None:
    assert first in causes(replace(WELL, **change))[0]


def test_causes_are_ranked_by_how_far_off_their_numbers_are() -> None:
    found = causes(replace(WELL, num_steps=1000, learning_rate=1e-2, steps_per_symbol=1.0))
    words = [next(word for word in ("coarse", "high", "few") if word in one) for one in found]
    assert words == ["coarse", "high", "few"]


def test_the_warning_has_the_numbers_and_the_causes_in_order() -> None:
    text = warning(Sameness(0.95, 0.02, 0.01), replace(WELL, num_steps=900, missing=0.1), 5)
    assert "for 5 epochs the answers have said nothing: 95% are empty, 2% repeat one" in text
    assert "no symbol begins at 100% of the steps" in text
    assert text.index("(1) 10% of the references") < text.index("(2) 900 steps are few")


def make(store, bias: float) -> StoreData:
    """A recogniser that writes nothing where the bias of the blank is high."""
    torch.manual_seed(0)
    target = Transcript()
    train, val = (select_rows(store, split, "features", target, 0) for split in ("train", "val"))
    answers = target.learn([train.references[row] for row in train.index], 4)
    model = CtcModel(Recurrent(4, 4), len(answers.vocabulary))
    with torch.no_grad():
        model.head.bias[0] = bias
    optim = AdamW(1e-9, warmup=0.0)
    task = SpeechRecognition("asr", "features", target, Chain(), model, answers, optim)
    return StoreData(store, task, train, val, Batching(4, depth=0), seed=0)


def run(data: StoreData, folder, epochs: int = 7) -> None:
    fit(make_trainer(folder, "wer", True, epochs, accelerator="cpu"), data.task, data, folder)


def rows(*texts: str) -> list[dict]:
    return [{"text": text, "split": split, "steps": 12} for split in ("train", "val")
            for text in texts]  # fmt: skip


def test_a_recogniser_that_writes_nothing_is_told_why_once(memory_store, tmp_path, caplog) -> None:
    run(make(memory_store(rows("abc", "bca", "cab")), 30.0), tmp_path)
    said = [one.message for one in caplog.records if "said nothing" in one.message]
    assert len(said) == 1
    assert "for 5 epochs" in said[0] and "100% are empty" in said[0]
    assert (
        "at 100% of the steps; likely, in this order: (1) a learning rate of 1e-09 is too low"
        in said[0]
    )
    assert "steps are few" in said[0]
    with (tmp_path / "history.csv").open(newline="") as file:
        assert {row["val_empty_answers"] for row in csv.DictReader(file)} == {"1.0"}


def test_it_is_told_once_even_when_it_is_gone_on_with(memory_store, tmp_path, caplog) -> None:
    store = memory_store(rows("abc", "bca", "cab"))
    for epochs in (3, 6, 7):
        run(make(store, 30.0), tmp_path, epochs)
        assert ("said nothing" in caplog.text) == (epochs == 6)
        caplog.clear()


def test_nothing_is_said_where_the_references_are_all_alike(
    memory_store, tmp_path, caplog
) -> None:
    run(make(memory_store(rows("aa", "aa", "aa")), 30.0), tmp_path, 6)
    assert "said nothing" not in caplog.text


def test_nothing_is_said_of_answers_that_say_something(
    memory_store, tmp_path, caplog, monkeypatch
) -> None:
    data = make(memory_store(rows("abc", "bca", "cab")), 30.0)

    def right(index, inputs) -> list[Prediction]:
        return [Prediction(row, data.val.references[row][0], 0.0) for row in index.tolist()]

    monkeypatch.setattr(data.task, "predict", right)
    run(data, tmp_path, 6)
    assert "said nothing" not in caplog.text
