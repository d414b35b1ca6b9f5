"""Processes of test_epoch_stream.py, which write down what they were shown.

python stream_process.py rank STORE OUT RANK WORLD
python stream_process.py train STORE RUN_DIR [EPOCH STEP]   # killed before that step
"""

import json
import logging
import os
import signal
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import lightning.pytorch as pl
import torch
from torch import distributed

from rnnmm.batch import InputBatch
from rnnmm.features.mel import LogMel
from rnnmm.loading.digest import digest_epoch, digest_items, merge_shares
from rnnmm.loading.order import Batching
from rnnmm.models.classifier import Classifier
from rnnmm.nn.recurrent import Recurrent
from rnnmm.store.reader import Store, open_store
from rnnmm.tasks.classification import Class, Classification
from rnnmm.tasks.data import StoreData, select_rows
from rnnmm.tasks.optimisation import AdamW
from rnnmm.tasks.training import fit, make_trainer

RATE_HZ = 8000
EPOCHS = 2
SHARES = 4


class Passing(SimpleNamespace):
    """A task that lets batches through."""

    inputs = "audio"
    device = torch.device("cpu")

    def make_batch(self, index, inputs, references, epoch) -> InputBatch:
        return InputBatch(index, inputs)


def make_data(store: Store, task, depth: int = 0) -> StoreData:
    train, val = (
        select_rows(store, name, "audio", Class("label"), 0) for name in ("train", "val")
    )
    batching = Batching(12, 12 * 500, depth=depth, shares=SHARES)
    return StoreData(store, task, train, val, batching, seed=0)


def shown(data: StoreData, epoch: int, rank: int = 0, world: int = 1) -> list[list[bytes]]:
    """The items of each step of a rank."""
    data.trainer = SimpleNamespace(current_epoch=epoch, global_rank=rank, world_size=world)
    try:
        return [digest_items(rows, inputs) for rows, inputs in data.train_dataloader()]
    finally:
        data.close()


def run_rank(store: Store, out: Path, rank: int, world: int) -> None:
    meeting = f"file://{out}.meeting"
    distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=world)
    place = distributed.get_rank(), distributed.get_world_size()
    mine = shown(make_data(store, Passing(), depth=2), 1, *place)
    shares: list[list[list[bytes]]] = [[] for _ in range(world)]
    distributed.all_gather_object(shares, mine)
    if rank == 0:
        steps = zip(*shares, strict=True)  # every rank has every step
        out.write_text(digest_epoch(merge_shares(step) for step in steps))
    distributed.destroy_process_group()


class Witness(pl.Callback):
    """Writes every step's digest to disk at once; ends its own process before one of them."""

    def __init__(self, path: Path, end: tuple[int, ...]) -> None:
        self.path = path
        self.end = end

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx: int) -> None:
        if (trainer.current_epoch, batch_idx) == self.end:
            os.kill(os.getpid(), signal.SIGKILL)
        items = [item.hex() for item in digest_items(batch.rows, batch.inputs)]
        with self.path.open("a") as file:
            file.write(json.dumps([trainer.current_epoch, batch_idx, items]) + "\n")


def run_training(store: Store, run_dir: Path, *end: int) -> None:
    torch.manual_seed(0)
    warnings.filterwarnings("ignore", module="lightning")
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    target = Class("label")
    answers = target.learn(target.references(store), 1)
    model = Classifier(Recurrent(8, 4), len(answers.vocabulary), dropout=0.2)
    mel = LogMel(RATE_HZ, num_mels=8)
    task = Classification("speaker", "audio", target, mel, model, answers, AdamW())
    data = make_data(store, task, depth=2)
    trainer = make_trainer(run_dir, "accuracy", False, EPOCHS, accelerator="cpu",
                           checkpoint_every_steps=2, average_best=2)  # fmt: skip
    run_dir.mkdir(exist_ok=True)
    trainer.callbacks.insert(0, Witness(run_dir / "shown.jsonl", end))
    fit(trainer, task, data, run_dir)
    torch.save(task.state_dict(), run_dir / "weights.pt")


if __name__ == "__main__":
    verb, store_path, out_path, *numbers = sys.argv[1:]
    run = {"rank": run_rank, "train": run_training}[verb]
    run(open_store(Path(store_path)), Path(out_path), *map(int, numbers))
