import logging
from pathlib import Path

import pytest
import torch

from rnnmm import experiment
from rnnmm.experiment import (
    evaluate,
    learn_answers,
    load_task,
    make_data,
    make_task,
    train,
    usable_rows,
)
from rnnmm.manifest import Item, Manifest
from rnnmm.run import read_config

ROWS = [
    {"label": label, "split": split, "steps": 4 + n}
    for split, count in (("train", 4), ("val", 1), ("test", 2))
    for label in ("run", "hop")
    for n in range(count)
]
CONFIG = {
    "seed": 0,
    "preprocess": {
        "_target_": "rnnmm.store.preprocess.preprocess",
        "decoding": {"_target_": "rnnmm.media.decode.Decoding"},
    },
    "features": {"_target_": "rnnmm.features.chain.Chain"},
    "model": {
        "_target_": "rnnmm.models.classifier.Classifier",
        "encoder": {"_target_": "rnnmm.models.encoder.Crnn", "channels": [4, 4], "hidden_dim": 4},
    },
    "task": {
        "_target_": "rnnmm.tasks.classification.Classification",
        "name": "action",
        "inputs": "features",
        "target": {"_target_": "rnnmm.tasks.classification.Class", "column": "label"},
    },
    "optim": {"_target_": "rnnmm.tasks.optimisation.AdamW"},
    "trainer": {
        "_target_": "rnnmm.tasks.training.make_trainer",
        "max_epochs": 2,
        "accelerator": "cpu",
    },
    "loader": {"_target_": "rnnmm.loading.order.Batching", "batch_size": 4},
}


@pytest.fixture
def store(memory_store):
    return memory_store(ROWS)


def test_the_seed_decides_the_weights(store) -> None:
    answers = learn_answers(CONFIG, store, usable_rows(CONFIG, store, "train"))
    assert answers.vocabulary.symbols == ("hop", "run")
    assert answers.input_dim == 4
    one, two, other = (make_task({**CONFIG, "seed": seed}, answers) for seed in (0, 0, 1))
    weights = [task.model.state_dict()["head.2.weight"] for task in (one, two, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert other.seed == 1


def test_one_bad_row_in_a_hundred_is_allowed_unless_told_otherwise(memory_store) -> None:
    store = memory_store([*ROWS, {"label": None, "split": "test"}])
    with pytest.raises(ValueError, match=r"1 of 5 items of split test .* above 0.01"):
        usable_rows(CONFIG, store, "test")
    lenient = {**CONFIG, "preprocess": {**CONFIG["preprocess"], "max_bad_fraction": 0.5}}
    assert len(usable_rows(lenient, store, "test")) == 4


def test_answers_come_from_the_training_rows_alone(memory_store) -> None:
    store = memory_store([*ROWS, {"label": "zed", "split": "val"}])
    data = make_data(CONFIG, store)
    assert data.task.answers.vocabulary.symbols == ("hop", "run")
    assert (len(data.train), len(data.val)) == (8, 3)


@pytest.mark.usefixtures("quiet_lightning")
def test_a_trained_run_is_measured_and_not_trained_again(store, tmp_path, caplog) -> None:
    with pytest.raises(ValueError, match=r"expected a trained run, found no config.yaml"):
        load_task(CONFIG, tmp_path)
    train(CONFIG, store, tmp_path)
    weights = (tmp_path / "model.safetensors").read_bytes()
    caplog.set_level(logging.INFO)
    train(CONFIG, store, tmp_path)
    assert "is trained already" in caplog.text
    assert (tmp_path / "model.safetensors").read_bytes() == weights
    evaluation = evaluate(CONFIG, store, "test", tmp_path)
    assert [p.row for p in evaluation.predictions] == evaluation.rows.index.tolist()
    assert set(evaluation.seconds) == {"train", "evaluate"}
    assert evaluation.fingerprints["store"] == evaluation.fingerprints["trained_on"] == "memory"
    assert not evaluation.task.training


@pytest.mark.usefixtures("quiet_lightning")
def test_a_start_that_failed_leaves_its_folder_to_the_next(store, tmp_path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    train(CONFIG, store, first)
    wrong = {**CONFIG, "run": {"init": str(tmp_path / "frist")}}
    with pytest.raises(ValueError, match=r"frist: expected a trained run, found no config.yaml"):
        train(wrong, store, second)
    right = {**CONFIG, "run": {"init": str(first)}}
    train(right, store, second)
    assert read_config(second)["run"]["init"] == str(first)
    with pytest.raises(ValueError, match=r"holds a run with another run\.init"):
        train(CONFIG, store, second)


def test_what_differs_from_the_release_is_said(monkeypatch, caplog) -> None:
    manifest = Manifest("birds", Path(), (Item("a", "a.wav", "test"),), ("3 of 4 clips",))
    monkeypatch.setattr(experiment, "build", lambda node: manifest)
    assert experiment.make_manifest({"dataset": {}}) is manifest
    assert "birds: 3 of 4 clips" in caplog.text


def test_what_is_extra_is_trained_on_beside_the_dataset(tmp_path) -> None:
    for name in ("birds", "made"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.wav").write_bytes(b"")
    own = Manifest("birds", tmp_path / "birds", (Item("a", "a.wav", "test"),))
    extra = Manifest("made", tmp_path / "made", (Item("a", "a.wav", "train"),))
    both = experiment.make_manifest({"dataset": own, "extra": extra})
    assert [(item.id, item.split) for item in both.items] == [("a", "test"), ("made/a", "train")]
    assert experiment.make_manifest({"dataset": own, "extra": None}) is own
