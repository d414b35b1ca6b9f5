import logging
from collections.abc import Callable
from pathlib import Path

import lightning.pytorch as pl
import pytest
import torch
from torch import nn

from rnnmm.features.chain import Chain
from rnnmm.loading.order import Batching
from rnnmm.models.classifier import Classifier
from rnnmm.nn.norm import StepNorm
from rnnmm.nn.recurrent import Recurrent
from rnnmm.tasks.averaging import best_epochs, mean_state, renew_statistics
from rnnmm.tasks.classification import Class, Classification
from rnnmm.tasks.data import StoreData, select_rows
from rnnmm.tasks.optimisation import AdamW
from rnnmm.tasks.task import Score
from rnnmm.tasks.training import BestOrLater, fit, make_trainer

pytestmark = pytest.mark.usefixtures("quiet_lightning")

ROWS = [
    {"label": label, "split": split, "steps": 3 + n}
    for split, count in (("train", 4), ("val", 2))
    for label in ("run", "hop")
    for n in range(count)
]


class Normed(nn.Module):
    """An encoder with a batch norm."""

    output_dim = 4

    def __init__(self) -> None:
        super().__init__()
        self.norm = StepNorm(4)
        self.recurrent = Recurrent(4, 4)

    def forward(self, x):
        return self.recurrent(self.norm(x))


class Frozen(Normed):
    """A batch norm that stays in evaluation mode, as that of a frozen backbone, and one more."""

    def __init__(self) -> None:
        super().__init__()
        self.after = StepNorm(4)

    def forward(self, x):
        return self.after(super().forward(x))

    def train(self, mode: bool = True) -> "Frozen":
        super().train(mode)
        self.norm.eval()
        return self


def plain() -> nn.Module:
    return Recurrent(4, 4)


class Scripted(Classification):
    """Its figures are given: one an epoch, then those of the best epoch and of the mean."""

    figures: tuple[float, ...] = ()
    asked = 0

    def score(self, predictions, references):
        value = self.figures[self.asked]
        self.asked += 1
        return Score({"accuracy": value}, {"accuracy": 0.0}, {})


class Stop(pl.Callback):
    """Pulls the plug in the middle of an epoch."""

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx: int) -> None:
        if (trainer.current_epoch, batch_idx) == (3, 0):
            raise RuntimeError("pulled the plug")


@pytest.fixture
def make(memory_store):
    def make_data(*figures: float, encoder: Callable[[], nn.Module] = plain) -> StoreData:
        torch.manual_seed(0)
        store, target = memory_store(ROWS), Class("label")
        train, val = (select_rows(store, name, "features", target, 0) for name in ("train", "val"))
        answers = target.learn([train.references[row] for row in train.index], 4)
        model = Classifier(encoder(), len(answers.vocabulary))
        kind = Scripted if figures else Classification
        task = kind("action", "features", target, Chain(), model, answers, AdamW(0.01))
        if figures:
            task.figures = figures
        return StoreData(store, task, train, val, Batching(4, depth=0), seed=0)

    return make_data


def trainer_of(folder: Path, *more: pl.Callback, **settings) -> pl.Trainer:
    trainer = make_trainer(folder, "accuracy", False, 5, accelerator="cpu", **settings)
    trainer.callbacks[:0] = more
    return trainer


def stored(folder: Path, epoch: int) -> dict[str, torch.Tensor]:
    path = folder / "checkpoints" / f"best-epoch={epoch}.ckpt"
    return torch.load(path, weights_only=True)["state_dict"]


def are_equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(value, other[name]) for name, value in one.items())


@pytest.mark.parametrize(("mean", "is_kept"), [(0.9, True), (0.95, True), (0.85, False)])
def test_the_mean_of_the_best_is_kept_where_it_is_no_worse(
    make, tmp_path, caplog, mean: float, is_kept: bool
) -> None:
    caplog.set_level(logging.INFO)
    data = make(0.1, 0.8, 0.3, 0.9, 0.85, 0.9, mean)
    fit(trainer_of(tmp_path, average_best=3), data.task, data, tmp_path)
    states = [stored(tmp_path, epoch) for epoch in (1, 3, 4)]
    assert len(list((tmp_path / "checkpoints").glob("best*"))) == 3
    kept = data.task.state_dict()
    expected = {name: sum(state[name].double() for state in states) / 3 for name in kept}
    for name, value in kept.items():
        torch.testing.assert_close(value, expected[name].float() if is_kept else states[1][name])
    assert f"{mean:.4f} of the mean of epoch=3, epoch=4, epoch=1, 0.9000 of epoch=3" in caplog.text
    assert ("the mean is kept" in caplog.text) == is_kept


def test_of_equally_good_epochs_the_later_are_kept(make, tmp_path) -> None:
    data = make(0.5, 0.7, 0.7, 0.5, 0.7, 0.7, 0.6)
    fit(trainer_of(tmp_path, average_best=2), data.task, data, tmp_path)
    names = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert names == ["best-epoch=2.ckpt", "best-epoch=4.ckpt", "last.ckpt"]
    assert are_equal(data.task.state_dict(), stored(tmp_path, 4))


def test_without_figures_the_last_epoch_is_kept(make, tmp_path) -> None:
    data = make(*[float("nan")] * 5)
    fit(trainer_of(tmp_path, average_best=2), data.task, data, tmp_path)
    assert (tmp_path / "checkpoints" / "last.ckpt").is_file()


def test_a_torn_run_keeps_the_same_mean(make, tmp_path) -> None:
    kept = []
    for name, stops in (("whole", [False]), ("torn", [True, False, False])):
        for is_stopped in stops:  # the last of all: killed before its weights were written
            data, more = make(encoder=Normed), [Stop()] if is_stopped else []
            trainer = trainer_of(tmp_path / name, *more, average_best=3, average_decay=0.5,
                                 checkpoint_every_steps=1)  # fmt: skip
            if is_stopped:
                with pytest.raises(RuntimeError, match="pulled the plug"):
                    fit(trainer, data.task, data, tmp_path / name)
                continue
            fit(trainer, data.task, data, tmp_path / name)
            kept.append(data.task.state_dict())
    assert are_equal(kept[0], kept[1]) and are_equal(kept[0], kept[2])


def test_weights_are_added_up_in_double_precision(tmp_path) -> None:
    values = [torch.tensor([1e8, 1.0]), torch.tensor([1.0, 2.0]), torch.tensor([1.0, 6.0])]
    paths = [tmp_path / f"{n}.ckpt" for n in range(3)]
    for n, (path, value) in enumerate(zip(paths, values)):
        torch.save({"state_dict": {"w": value, "h": value.half() / 1e4, "n": torch.tensor(n + 5)}},
                   path)  # fmt: skip
    mean = mean_state(paths)
    assert mean["w"].tolist() == [torch.tensor((1e8 + 2) / 3).item(), 3.0]
    assert mean["w"].dtype == torch.float32 and mean["h"].dtype == torch.float16
    assert mean["n"].item() == 5  # whole numbers have no mean


def test_statistics_of_the_mean_are_those_of_the_training_data(make, tmp_path) -> None:
    data = make(encoder=Normed)
    fit(trainer_of(tmp_path), data.task, data, tmp_path)
    norm = data.task.model.encoder.norm.norm
    weights = {name: value.clone() for name, value in data.task.named_parameters()}
    norm.running_mean.fill_(99.0)
    renew_statistics(data.task, data)
    batches = [batch.inputs for batch in data.train_dataloader()]
    means = torch.stack([batch.data[batch.mask].mean(dim=0) for batch in batches])
    torch.testing.assert_close(norm.running_mean, means.mean(dim=0))
    assert norm.momentum == 0.1
    assert are_equal(weights, dict(data.task.named_parameters()))


def test_statistics_of_a_frozen_network_are_left_alone(make, tmp_path) -> None:
    data = make(encoder=Frozen)
    fit(trainer_of(tmp_path), data.task, data, tmp_path)
    norms = data.task.model.encoder.norm.norm, data.task.model.encoder.after.norm
    for norm in norms:
        norm.running_mean.fill_(99.0)
    renew_statistics(data.task, data)
    assert norms[0].running_mean.tolist() == [99.0] * 4
    assert (norms[1].running_mean < 98).all()


def test_a_network_without_batch_norms_is_left_alone(make, tmp_path) -> None:
    data = make()
    data.train_dataloader = None  # type: ignore[method-assign]  # nothing is loaded
    before = {name: value.clone() for name, value in data.task.state_dict().items()}
    renew_statistics(data.task, data)
    after = data.task.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_checkpoints_are_found_where_the_folder_was_moved_to(tmp_path) -> None:
    checkpoint = BestOrLater("/old", monitor="val_wer", mode="min", save_top_k=3)
    for epoch, wer in enumerate([0.3, 0.1, 0.1, float("inf")]):
        checkpoint.best_k_models[f"/old/best-epoch={epoch}.ckpt"] = torch.tensor(wer)
        (tmp_path / f"best-epoch={epoch}.ckpt").touch()
    found = [path.name for path in best_epochs(checkpoint, tmp_path)]
    assert found == ["best-epoch=2.ckpt", "best-epoch=1.ckpt", "best-epoch=0.ckpt"]
    checkpoint.best_k_models, checkpoint.best_model_path = {}, "/old/best-epoch=1.ckpt"
    assert best_epochs(checkpoint, tmp_path) == [tmp_path / "best-epoch=1.ckpt"]
