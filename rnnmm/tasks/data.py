"""A store seen through a task: which rows it can use, and the batches of each epoch."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import lightning.pytorch as pl
import numpy as np
import torch
from numpy.typing import NDArray

from rnnmm.batch import Batch, InputBatch
from rnnmm.loading.gather import Kind, gather, payload_lengths
from rnnmm.loading.loader import Loader
from rnnmm.loading.order import Batching, epoch_order, padding_efficiency, sorted_order
from rnnmm.manifest import name_some
from rnnmm.store.reader import Store
from rnnmm.tasks.task import References, Target, Task

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rows:
    """The rows of one split that a task can use.

    Args:
        index: ``(items,)`` rows of the store.
        lengths: ``(items,)`` raw steps of each.
        references: of every row of the store, used or not.
    """

    index: NDArray[np.int64]
    lengths: NDArray[np.int64]
    references: Sequence[References]

    def __len__(self) -> int:
        return len(self.index)


def select_rows(
    store: Store, split: str, inputs: str, target: Target, max_bad_fraction: float
) -> Rows:
    """The rows of a split that hold the wanted payload and a reference.

    Args:
        store: where they lie.
        split: train, val, test or all.
        inputs: the payload the task reads.
        target: where its references stand.
        max_bad_fraction: rows without, as a fraction of the split, above which it is an error.

    Raises:
        ValueError: The split is empty, or too many rows, or all, cannot be used; names them.
    """
    lengths, references = payload_lengths(store, inputs), target.references(store)
    faults = {}
    for row in _rows_of(store, split).tolist():
        if not lengths[row]:
            faults[row] = f"no {inputs}"
        elif not references[row]:
            faults[row] = f"no {type(target).__name__.lower()} to compare with"
    return _without(store, split, faults, Rows(_rows_of(store, split), lengths, references),
                    max_bad_fraction)  # fmt: skip


def trainable_rows(store: Store, split: str, rows: Rows, task: Task, max_bad: float) -> Rows:
    """The rows a task can be trained on; the others are named by id and file.

    Raises:
        ValueError: They are more than ``max_bad`` of all, or all.
    """
    faults = {}
    for row, steps in zip(rows.index.tolist(), rows.lengths.tolist()):
        fault = task.fault(rows.references[row], steps)
        if fault is not None:
            faults[row] = fault
    lengths = payload_lengths(store, task.inputs)
    return _without(store, split, faults, Rows(rows.index, lengths, rows.references), max_bad)


def warn_of_faults(store: Store, split: str, rows: Rows, task: Task) -> None:
    """Says which rows can never be answered right (they are scored all the same)."""
    faults = {
        row: fault
        for row, steps in zip(rows.index.tolist(), rows.lengths.tolist())
        if (fault := task.fault(rows.references[row], steps)) is not None
    }
    if faults:
        log.warning("%s: scored, but out of reach: %s", split, _named(store, faults))


class StoreData(pl.LightningDataModule):
    """The batches of a training run: a fresh order each epoch, a fixed one for validation.

    Args:
        store: where the items lie.
        task: says how a batch is made.
        train: rows to train on.
        val: rows to validate on.
        batching: the budget of a batch.
        seed: of the order.
    """

    def __init__(
        self, store: Store, task: Task, train: Rows, val: Rows, batching: Batching, seed: int
    ) -> None:
        super().__init__()
        self.store = store
        self.task = task
        self.train = train
        self.val = val
        self.batching = batching
        self.seed = seed
        self.padding_efficiency = 1.0
        self.loader: Loader[Batch] | None = None
        self._val_loader: Loader[InputBatch] | None = None

    def train_dataloader(self) -> Loader[Batch]:
        """The current epoch's batches (Lightning asks anew each epoch)."""
        epoch = self.trainer.current_epoch if self.trainer else 0
        order = epoch_order(
            self.train.lengths, self.batching, self.store.fingerprint, self.seed, epoch
        )
        self.padding_efficiency = padding_efficiency(order, self.train.lengths)
        batches = [self.train.index[positions].tolist() for positions in order]
        self.loader = Loader(partial(self._make, epoch=epoch), batches, self.batching.depth)
        return self.loader

    def val_dataloader(self) -> Loader[InputBatch]:
        """The validation batches."""
        self._val_loader = input_loader(self.store, self.val, self.task.inputs, self.batching)
        return self._val_loader

    def close(self) -> None:
        """Ends the loaders' threads, wherever training was stopped."""
        for loader in (self.loader, self._val_loader):
            if loader is not None:
                loader.close()

    def _make(self, batch: Sequence[int], epoch: int) -> Batch:
        inputs = gather(self.store, batch, self.task.inputs)
        references = [self.train.references[row] for row in batch]
        return self.task.make_batch(torch.as_tensor(batch), inputs, references, epoch)


def input_loader(store: Store, rows: Rows, inputs: Kind, batching: Batching) -> Loader[InputBatch]:
    """The inputs of all rows in batches by length, so that little is padded."""

    def make(batch: Sequence[int]) -> InputBatch:
        return InputBatch(torch.as_tensor(batch), gather(store, batch, inputs))

    order = sorted_order(rows.lengths, batching)
    return Loader(make, [rows.index[positions].tolist() for positions in order], batching.depth)


def _rows_of(store: Store, split: str) -> NDArray[np.int64]:
    rows = np.arange(len(store)) if split == "all" else store.rows(split)
    if not len(rows):
        raise ValueError(
            f"{store.path.name}: expected items in split {split}, got none; "
            f"choose another with split=train|val|test|all"
        )
    return rows.astype(np.int64)


def _without(
    store: Store, split: str, faults: dict[int, str], rows: Rows, max_bad_fraction: float
) -> Rows:
    kept = np.array([row for row in rows.index.tolist() if row not in faults], dtype=np.int64)
    if faults:
        message = f"{len(faults)} of {len(rows)} items of split {split} cannot be used: "
        message += _named(store, faults)
        if not len(kept):
            raise ValueError(f"{message}; none is left")
        if len(faults) > max_bad_fraction * len(rows):
            raise ValueError(
                f"{message}; mend them or set preprocess.max_bad_fraction above "
                f"{max_bad_fraction:g}"
            )
        log.warning("%s", message)
    return Rows(kept, rows.lengths[kept], rows.references)


def _named(store: Store, faults: dict[int, str]) -> str:
    ids, paths = store.ids, store.column("path")
    return name_some(f"{ids[row]} ({paths[row]}): {fault}" for row, fault in faults.items())
