"""Checkpoints in the middle of an epoch, so that a killed run loses minutes and not an epoch."""

from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Checkpoint


class StepCheckpoints(Checkpoint):
    """Saves the state of training every so many steps, where the run will look for it.

    Being a `Checkpoint`, it comes after all other callbacks: what they did in this step is saved,
    too. The last step of an epoch is left to the checkpoint of the epoch, which has its figures.

    Args:
        path: of the file, replaced each time.
        every_steps: saved when a multiple of it is done in an epoch, >= 1.
    """

    def __init__(self, path: Path, every_steps: int) -> None:
        self.path = path
        self.every_steps = every_steps

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any,
        batch_idx: int,
    ) -> None:  # fmt: skip
        if (batch_idx + 1) % self.every_steps == 0 and not trainer.is_last_batch:
            trainer.save_checkpoint(self.path)
