import csv
import logging
import signal
import time
from pathlib import Path

import lightning.pytorch as pl
import pytest
import torch

from rnnmm.features.chain import Chain
from rnnmm.loading.order import Batching
from rnnmm.models.classifier import Classifier
from rnnmm.nn.recurrent import Recurrent
from rnnmm.tasks.classification import Class, Classification
from rnnmm.tasks.data import StoreData, select_rows
from rnnmm.tasks.optimisation import AdamW
from rnnmm.tasks.task import Score
from rnnmm.tasks.training import (
    BestOrLater,
    DurableCheckpoints,
    fit,
    make_trainer,
    throughput,
)

pytestmark = pytest.mark.usefixtures("quiet_lightning")

ROWS = [
    {"label": label, "split": split, "steps": 3 + n}
    for split, count in (("train", 4), ("val", 2))
    for label in ("run", "hop")
    for n in range(count)
]


class Scripted(Classification):
    """Its validation figures are given, one an epoch."""

    figures: tuple[float, ...] = ()

    def score(self, predictions, references):
        value = self.figures[self.current_epoch]
        return Score({"accuracy": value}, {"accuracy": 0.0}, {})


def make(store, kind=Classification) -> StoreData:
    torch.manual_seed(0)
    target = Class("label")
    train, val = (select_rows(store, split, "features", target, 0) for split in ("train", "val"))
    answers = target.learn([train.references[row] for row in train.index], 4)
    model = Classifier(Recurrent(4, 4), len(answers.vocabulary))
    task = kind("action", "features", target, Chain(), model, answers, AdamW(0.01))
    return StoreData(store, task, train, val, Batching(4, depth=0), seed=0)


@pytest.fixture
def data(memory_store) -> StoreData:
    return make(memory_store(ROWS))


@pytest.fixture
def scripted(memory_store):
    def with_figures(*figures: float) -> StoreData:
        data = make(memory_store(ROWS), Scripted)
        data.task.figures = figures
        return data

    return with_figures


def trainer_of(folder: Path, epochs: int, *more: pl.Callback, **settings) -> pl.Trainer:
    trainer = make_trainer(folder, "accuracy", False, epochs, accelerator="cpu", **settings)
    trainer.callbacks[:0] = more
    return trainer


def read(folder: Path) -> list[dict[str, str]]:
    with (folder / "history.csv").open(newline="") as file:
        return list(csv.DictReader(file))


class StopAt(pl.Callback):
    """Raises in the middle of an epoch."""

    def __init__(self, epoch: int, error: BaseException) -> None:
        self.epoch = epoch
        self.error = error

    def on_train_batch_start(self, trainer, *_) -> None:
        if trainer.current_epoch == self.epoch:
            raise self.error


def test_training_learns_and_keeps_a_line_an_epoch(data, tmp_path, caplog) -> None:
    caplog.set_level(logging.INFO)
    seconds = fit(trainer_of(tmp_path, 3), data.task, data, tmp_path)
    rows = read(tmp_path)
    assert [row["epoch"] for row in rows] == ["0", "1", "2"]
    assert {"train_loss", "val_accuracy", "seconds", "items_per_s", "data_wait",
            "padding_efficiency", "grad_norm", "grad_norm/encoder.layers.0", "update/head.2",
            } <= set(rows[0])  # fmt: skip
    assert float(rows[2]["train_loss"]) < float(rows[0]["train_loss"])
    assert seconds == pytest.approx(sum(float(row["seconds"]) for row in rows))
    assert "epoch 3/3" in caplog.text
    assert "8 training and 4 validation items" in caplog.text


def test_the_data_wait_is_of_training_alone(data, tmp_path, monkeypatch) -> None:
    predict = data.task.predict

    def slow(index, inputs):
        time.sleep(0.2)
        return predict(index, inputs)

    monkeypatch.setattr(data.task, "predict", slow)
    fit(trainer_of(tmp_path, 1), data.task, data, tmp_path)
    (row,) = read(tmp_path)
    trained_s = 8 / float(row["items_per_s"])  # validation takes no part in it
    assert float(row["seconds"]) > trained_s + 0.2
    assert 0 < float(row["data_wait"]) <= 1  # made on demand: all the gathering is waiting


def test_a_stopped_run_ends_like_an_undisturbed_one(memory_store, tmp_path, caplog) -> None:
    weights = []
    for name in ("whole", "torn"):
        folder, store = tmp_path / name, memory_store(ROWS)
        if name == "torn":
            stop = StopAt(2, RuntimeError("pulled the plug"))
            with pytest.raises(RuntimeError, match="pulled the plug"):
                torn = make(store)
                fit(trainer_of(folder, 4, stop, average_decay=0.5), torn.task, torn, folder)
            assert [row["epoch"] for row in read(folder)] == ["0", "1"]
        data = make(store)
        caplog.set_level(logging.INFO)
        fit(trainer_of(folder, 4, average_decay=0.5), data.task, data, folder)
        weights.append(data.task.state_dict())
        assert [row["epoch"] for row in read(folder)] == ["0", "1", "2", "3"]
    assert "going on from" in caplog.text
    for name, value in weights[0].items():
        assert torch.equal(value, weights[1][name]), name
    losses = [[row["train_loss"] for row in read(tmp_path / name)] for name in ("whole", "torn")]
    assert losses[0] == losses[1]


def test_ctrl_c_comes_out_as_itself(data, tmp_path) -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        fit(trainer_of(tmp_path, 2, StopAt(1, KeyboardInterrupt())), data.task, data, tmp_path)
    assert signal.getsignal(signal.SIGINT) is before
    assert (tmp_path / "checkpoints" / "last.ckpt").is_file()


def test_training_stops_when_patience_is_over(scripted, tmp_path) -> None:
    data = scripted(0.1, 0.5, 0.4, 0.3, 0.9, 0.9)
    fit(trainer_of(tmp_path, 6, patience=2), data.task, data, tmp_path)
    assert len(read(tmp_path)) == 4
    (best,) = (tmp_path / "checkpoints").glob("best*")
    assert best.name == "best-epoch=1.ckpt"


def test_a_run_that_had_stopped_early_is_not_trained_on(scripted, tmp_path) -> None:
    for _ in range(2):  # killed after its last epoch, before its weights were written
        data = scripted(0.1, 0.5, 0.4, 0.3, 0.9, 0.9)
        fit(trainer_of(tmp_path, 6, patience=2), data.task, data, tmp_path)
        assert len(read(tmp_path)) == 4


def test_a_finished_run_is_not_trained_on(scripted, tmp_path) -> None:
    weights = []
    for _ in range(2):
        data = scripted(0.1, 0.5, 0.4)
        seconds = fit(trainer_of(tmp_path, 3), data.task, data, tmp_path)
        weights.append(data.task.state_dict())
        assert seconds == pytest.approx(sum(float(row["seconds"]) for row in read(tmp_path)))
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())


def test_a_run_goes_on_behind_its_last_epoch_be_it_good_or_bad(scripted, tmp_path) -> None:
    for figures in [(0.5, 0.9, 0.1), (0.5, 0.9, 0.1, 0.2)]:
        data = scripted(*figures)
        stop = StopAt(3, RuntimeError("pulled the plug"))
        with pytest.raises(RuntimeError, match="pulled the plug"):
            fit(trainer_of(tmp_path, 4, stop), data.task, data, tmp_path)
    last = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["epoch"] == 2


def test_of_equally_good_epochs_the_last_is_kept(scripted, tmp_path) -> None:
    data = scripted(0.5, 0.75, 0.75, 0.25)
    fit(trainer_of(tmp_path, 4), data.task, data, tmp_path)
    names = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert names == ["best-epoch=2.ckpt", "last.ckpt"]
    stored = torch.load(tmp_path / "checkpoints" / names[0], weights_only=True)["state_dict"]
    for name, value in data.task.state_dict().items():
        assert torch.equal(value, stored[name])


def test_a_run_that_goes_on_elsewhere_knows_its_best_epochs(scripted, tmp_path) -> None:
    data = scripted(0.9, 0.8, 0.1, 0.2)
    stop = StopAt(2, RuntimeError("pulled the plug"))
    with pytest.raises(RuntimeError, match="pulled the plug"):
        fit(trainer_of(tmp_path / "old", 4, stop), data.task, data, tmp_path / "old")
    (tmp_path / "old").rename(tmp_path / "new")
    data = scripted(0.9, 0.8, 0.1, 0.2)
    fit(trainer_of(tmp_path / "new", 4), data.task, data, tmp_path / "new")
    names = sorted(path.name for path in (tmp_path / "new" / "checkpoints").iterdir())
    assert names == ["best-epoch=0.ckpt", "last.ckpt"]
    best = tmp_path / "new" / "checkpoints" / names[0]
    stored = torch.load(best, weights_only=True)["state_dict"]
    for name, value in data.task.state_dict().items():
        assert torch.equal(value, stored[name])


def test_a_torn_checkpoint_leaves_the_old_one(tmp_path, monkeypatch) -> None:
    path = tmp_path / "new" / "last.ckpt"
    DurableCheckpoints().save_checkpoint({"epoch": 1}, path)
    assert torch.load(path, weights_only=True) == {"epoch": 1}

    def torn(checkpoint, file):
        file.write_bytes(b"half of it")
        raise OSError("no space left on device")

    monkeypatch.setattr(torch, "save", torn)
    with pytest.raises(OSError, match="no space left"):
        DurableCheckpoints().save_checkpoint({"epoch": 2}, path)
    monkeypatch.undo()
    assert torch.load(path, weights_only=True) == {"epoch": 1}
    assert [one.name for one in path.parent.iterdir()] == ["last.ckpt"]


def test_what_a_killed_save_left_is_removed(data, tmp_path) -> None:
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    (folder / ".last.ckpt.123-abcd.tmp").write_bytes(b"half of it")
    fit(trainer_of(tmp_path, 1), data.task, data, tmp_path)
    assert list(folder.glob(".*")) == []


@pytest.mark.parametrize("mode", ["min", "max"])
def test_a_figure_that_is_no_number_is_not_the_best(mode: str, tmp_path) -> None:
    best = BestOrLater(tmp_path, monitor="val_wer", mode=mode)
    best.best_k_models = {"one": torch.tensor(0.5)}
    best.kth_best_model_path = "one"
    trainer = pl.Trainer(accelerator="cpu", logger=False, enable_progress_bar=False,
                         enable_model_summary=False, default_root_dir=tmp_path)  # fmt: skip
    assert best.check_monitor_top_k(trainer, torch.tensor(0.5))
    assert not best.check_monitor_top_k(trainer, torch.tensor(torch.nan))
    worse = torch.tensor(0.6 if mode == "min" else 0.4)
    assert not best.check_monitor_top_k(trainer, worse)


def test_how_fast_a_run_went_is_told(data, tmp_path, caplog) -> None:
    caplog.set_level(logging.INFO)
    trainer = trainer_of(tmp_path, 2)
    fit(trainer, data.task, data, tmp_path)
    figures = throughput(trainer, data)
    assert figures.keys() == {
        "items_per_s", "frames_per_s", "data_wait", "padding_efficiency", "peak_memory_mb",
        "cached",
    }  # fmt: skip
    assert figures["frames_per_s"] / figures["items_per_s"] == pytest.approx(4.5)  # 3 to 6 each
    assert figures["cached"] is False
    assert "frames/s  data wait" in caplog.text


def test_one_batch_again_and_again_is_no_training_and_says_so(data, tmp_path, caplog) -> None:
    data.batching = Batching(4, depth=0, cached=True)
    trainer = trainer_of(tmp_path, 1)
    fit(trainer, data.task, data, tmp_path)
    assert throughput(trainer, data)["cached"] is True
    assert "loader.cached=true" in caplog.text
