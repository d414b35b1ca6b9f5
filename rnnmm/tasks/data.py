"""A store seen through a task: which rows it can use, and the batches of each epoch."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from numpy.typing import NDArray

from rnnmm.batch import Batch, InputBatch
from rnnmm.loading.digest import digest_array
from rnnmm.loading.gather import Kind, gather, parts, payload_lengths
from rnnmm.loading.loader import Loader
from rnnmm.loading.order import (
    Batching,
    Order,
    RankSteps,
    epoch_order,
    padding_efficiency,
    sorted_order,
)
from rnnmm.loading.ring import Ring
from rnnmm.loading.transfer import Transfer
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
            faults[row] = " and ".join(f"no {part}" for part in parts(inputs))
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
        self._start = (0, 0)  # epoch and step at which this process began
        self._made: tuple[int, Order] | None = None

    def train_dataloader(self) -> Loader[Batch]:
        """The current epoch's batches (Lightning asks anew each epoch).

        In the epoch that a checkpoint was saved in, they begin where it was saved.
        """
        now, rank, world = self._standing()
        # Lightning asks once before it has caught up with its own checkpoint: then ours is right.
        epoch, step = max(self._start, (now, 0))
        steps = RankSteps(self._order(epoch), self.train.index, rank, world, step)
        self.loader = self._train_loader(steps, epoch)
        return self.loader

    def state_dict(self) -> dict[str, Any]:
        """Where training stands, and in what order of which items; no data and no generator."""
        assert self.trainer is not None
        epoch, step = self.trainer.current_epoch, self.trainer.fit_loop.batch_idx + 1
        if step >= self.trainer.num_training_batches:
            epoch, step = epoch + 1, 0
        return {"epoch": epoch, "step": step, "order": self._identity}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from a checkpoint.

        Raises:
            ValueError: It was saved with other items or in another order; names the first
                difference.
        """
        for name, now in self._identity.items():
            if state_dict["order"].get(name) != now:
                raise ValueError(
                    f"checkpoint: was saved with another {name}: expected "
                    f"{state_dict['order'].get(name)}, got {now}; go on with what it was saved "
                    f"with, or train in another run.dir"
                )
        self._start = (state_dict["epoch"], state_dict["step"])

    def val_dataloader(self) -> Loader[InputBatch]:
        """The validation batches."""
        device = self.task.device
        self._val_loader = input_loader(
            self.store, self.val, self.task.inputs, self.batching, device
        )
        return self._val_loader

    def close(self) -> None:
        """Ends the loaders' threads, wherever training was stopped."""
        for loader in (self.loader, self._val_loader):
            if loader is not None:
                loader.close()

    def _train_loader(self, batches: Sequence[list[int]], epoch: int) -> Loader[Batch]:
        device, depth = self.task.device, self.batching.depth
        if not self.batching.cached:
            make = partial(self._make, epoch=epoch, ring=self._ring)
            return Loader(make, batches, depth, device)
        log.warning(
            "loader.cached=true: every step of epoch %d gets one and the same batch of %d items; "
            "this shows how fast training could be, and its model has learned nothing else",
            epoch, len(self._middle(batches)),
        )  # fmt: skip
        cached = Transfer(device).send(self._make(self._middle(batches), epoch, self._ring))()
        return Loader(lambda _: cached, batches, depth=0)

    def _standing(self) -> tuple[int, int, int]:
        """Epoch, rank and number of ranks."""
        if self.trainer is None:
            return 0, 0, 1
        return self.trainer.current_epoch, self.trainer.global_rank, self.trainer.world_size

    def _order(self, epoch: int) -> Order:
        if self._made is None or self._made[0] != epoch:
            lengths, name = self.train.lengths, self.store.fingerprint
            order = epoch_order(lengths, self.batching, name, self.seed, epoch)
            self.padding_efficiency = padding_efficiency(order, lengths)
            self._made = epoch, order
        return self._made[1]

    @cached_property
    def _identity(self) -> dict[str, Any]:
        """What decides the order, by its name in a message."""
        return {
            "store": self.store.fingerprint,
            "choice of training items": digest_array(self.train.index),
            "seed": self.seed,
            "loader.batch_size": self.batching.batch_size,
            "loader.max_steps": self.batching.max_steps,
            "loader.shares": self.batching.shares,
            "loader.curriculum_epochs": self.batching.curriculum_epochs,
        }

    @cached_property
    def _ring(self) -> Ring:
        return _ring(self.batching, self.task.device, self.task.inputs)

    def _middle(self, batches: Sequence[list[int]]) -> list[int]:
        """The batch of median size: half of them cost more."""
        lengths = payload_lengths(self.store, self.task.inputs)
        by_size = sorted(batches, key=lambda rows: len(rows) * lengths[rows].max())
        return by_size[len(by_size) // 2]

    def _make(self, batch: Sequence[int], epoch: int, ring: Ring) -> Batch:
        inputs = gather(self.store, batch, self.task.inputs, ring)
        references = [self.train.references[row] for row in batch]
        return self.task.make_batch(torch.as_tensor(batch), inputs, references, epoch)


def input_loader(
    store: Store, rows: Rows, inputs: Kind, batching: Batching, device: torch.device
) -> Loader[InputBatch]:
    """The inputs of all rows on a device, in batches by length, so that little is padded."""
    ring = _ring(batching, device, inputs)

    def make(batch: Sequence[int]) -> InputBatch:
        return InputBatch(torch.as_tensor(batch), gather(store, batch, inputs, ring))

    order = sorted_order(rows.lengths, batching)
    batches = [rows.index[positions].tolist() for positions in order]
    return Loader(make, batches, batching.depth, device)


def _ring(batching: Batching, device: torch.device, inputs: Kind) -> Ring:
    # Beside those made ahead: the one in use, the one before it that a trainer may still hold,
    # and the one that is being filled.
    num_batches = batching.depth + 3
    return Ring(num_batches * len(parts(inputs)), is_pinned=device.type == "cuda")


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
