"""A run that stops in the middle of an epoch goes on there, and ends as if it had not stopped."""

import csv
from pathlib import Path

import lightning.pytorch as pl
import pytest
import torch

from rnnmm.features.chain import Chain
from rnnmm.loading.digest import digest_epoch, digest_items
from rnnmm.loading.order import Batching
from rnnmm.models.classifier import Classifier
from rnnmm.nn.recurrent import Recurrent
from rnnmm.tasks.classification import Class, Classification
from rnnmm.tasks.data import StoreData, select_rows
from rnnmm.tasks.optimisation import AdamW
from rnnmm.tasks.training import fit, make_trainer

pytestmark = pytest.mark.usefixtures("quiet_lightning")

EPOCHS, STEPS = 3, 4
ROWS = [
    {"label": label, "split": split, "steps": 3 + n}
    for split, count in (("train", 2 * STEPS), ("val", 1))
    for label in ("run", "hop")
    for n in range(count)
]


class Witness(pl.Callback):
    """Writes down what a model is shown, and pulls the plug before one step if told to."""

    def __init__(self, stop: tuple[int, int] | None = None) -> None:
        self.stop = stop
        self.seen: dict[tuple[int, int], list[bytes]] = {}
        self.first: tuple[int, int] | None = None

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx: int) -> None:
        position = (trainer.current_epoch, batch_idx)
        if position == self.stop:
            raise RuntimeError("pulled the plug")
        self.first = self.first or position
        self.seen[position] = digest_items(batch.rows, batch.inputs)

    def digest(self) -> str:
        return digest_epoch(self.seen[position] for position in sorted(self.seen))


def make_data(store, seed: int = 0, depth: int = 0, **batching) -> StoreData:
    torch.manual_seed(0)
    target = Class("label")
    train, val = (select_rows(store, split, "features", target, 0) for split in ("train", "val"))
    answers = target.learn([train.references[row] for row in train.index], 4)
    model = Classifier(Recurrent(4, 4), len(answers.vocabulary), dropout=0.5)
    task = Classification("action", "features", target, Chain(), model, answers, AdamW(0.01))
    batching = {"batch_size": 4, "depth": depth, **batching}
    return StoreData(store, task, train, val, Batching(**batching), seed=seed)


def train(data: StoreData, folder: Path, witness: Witness, every_steps: int | None = 1):
    trainer = make_trainer(folder, "accuracy", False, EPOCHS, accelerator="cpu",
                           average_decay=0.5, checkpoint_every_steps=every_steps)  # fmt: skip
    trainer.callbacks.insert(0, witness)
    fit(trainer, data.task, data, folder)
    return data.task.state_dict()


def losses(folder: Path) -> list[list[str]]:
    """And what was seen of the gradients: half an epoch of it is saved, too."""
    names = ("train_loss", "grad_norm", "grad_clipped", "update/head.2")
    with (folder / "history.csv").open(newline="") as file:
        return [[row[name] for name in names] for row in csv.DictReader(file)]


@pytest.fixture
def store(memory_store):
    return memory_store(ROWS)


@pytest.fixture
def whole(store, tmp_path):
    """An undisturbed run, that saves at the end of its epochs alone."""
    witness = Witness()
    weights = train(make_data(store), tmp_path / "whole", witness, None)
    assert len(witness.seen) == EPOCHS * STEPS
    return weights, witness, losses(tmp_path / "whole")


def test_a_run_stopped_before_any_step_ends_like_an_undisturbed_one(
    store, whole, tmp_path
) -> None:
    weights, shown, history = whole
    for epoch, step in [(0, 1), (0, STEPS - 1), (1, 0), (1, 2), (2, STEPS - 1)]:
        folder = tmp_path / f"torn_{epoch}_{step}"
        torn = Witness((epoch, step))
        with pytest.raises(RuntimeError, match="pulled the plug"):
            train(make_data(store), folder, torn)
        rest = Witness()
        end = train(make_data(store), folder, rest)
        assert rest.first == (epoch, step)  # nothing is done twice
        assert torn.seen.keys().isdisjoint(rest.seen)
        rest.seen |= torn.seen
        assert rest.digest() == shown.digest()
        assert losses(folder) == history
        assert all(torch.equal(value, end[name]) for name, value in weights.items())


def test_steps_since_the_last_checkpoint_are_done_again(store, whole, tmp_path) -> None:
    torn, rest = Witness((1, 3)), Witness()
    with pytest.raises(RuntimeError, match="pulled the plug"):
        train(make_data(store), tmp_path / "torn", torn, 2)
    end = train(make_data(store, depth=2), tmp_path / "torn", rest, 2)
    assert rest.first == (1, 2)
    assert all(torch.equal(value, end[name]) for name, value in whole[0].items())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 1}, "saved with another seed: expected 0, got 1"),
        ({"batch_size": 2}, "saved with another loader.batch_size: expected 4, got 2"),
        ({"max_steps": 9}, "saved with another loader.max_steps: expected None, got 9"),
        ({"curriculum_epochs": 1}, "another loader.curriculum_epochs: expected None, got 1"),
    ],
)
def test_a_checkpoint_of_another_order_is_refused(store, tmp_path, change, message) -> None:
    with pytest.raises(RuntimeError, match="pulled the plug"):
        train(make_data(store), tmp_path, Witness((0, 2)))
    with pytest.raises(ValueError, match=message):
        train(make_data(store, **change), tmp_path, Witness())


def test_a_checkpoint_of_other_items_is_refused(memory_store, tmp_path) -> None:
    with pytest.raises(RuntimeError, match="pulled the plug"):
        train(make_data(memory_store(ROWS)), tmp_path, Witness((0, 2)))
    with pytest.raises(ValueError, match="another choice of training items: expected"):
        train(make_data(memory_store(ROWS[:-4] + ROWS[-3:])), tmp_path, Witness())
    other = memory_store(ROWS)
    other.fingerprint = "other"
    with pytest.raises(ValueError, match="another store: expected memory, got other; go on with"):
        train(make_data(other), tmp_path, Witness())


def test_a_checkpoint_holds_where_training_stands_and_no_data(store, tmp_path) -> None:
    with pytest.raises(RuntimeError, match="pulled the plug"):
        train(make_data(store), tmp_path, Witness((1, 2)))
    saved = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    position = saved["StoreData"]
    assert (position["epoch"], position["step"]) == (1, 2)
    assert position["order"]["store"] == "memory"
    assert all(value is None or isinstance(value, str | int)
               for value in position["order"].values())  # fmt: skip
