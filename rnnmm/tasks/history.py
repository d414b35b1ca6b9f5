"""One line for every epoch: what was learned, and how fast."""

import csv
import logging
import os
import time
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor

from rnnmm.tasks.data import StoreData
from rnnmm.tasks.throughput import Meter, input_unit

log = logging.getLogger(__name__)


class History(pl.Callback):
    """One line an epoch, on the log and in a CSV file; a resumed run keeps its earlier lines.

    Args:
        path: of the CSV file.
        metric: the figure to show in the log.
    """

    def __init__(self, path: Path, metric: str) -> None:
        self.path = path
        self.metric = metric
        self.rows: list[dict[str, float]] = []
        self._start_s = 0.0
        self._meter = Meter(torch.device("cpu"))
        self._losses: list[Tensor] = []
        self._earlier = torch.empty(0)  # losses and seconds of the epoch in a run before this one
        self._earlier_s = 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # Where an epoch goes on in its middle, it does not start: the next hook is not called.
        self._start_s = time.perf_counter() - self._earlier_s
        self._meter = Meter(pl_module.device)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._start_s = time.perf_counter()
        self._meter = Meter(pl_module.device)
        self._losses, self._earlier = [], torch.empty(0)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, *_: Any
    ) -> None:
        self._losses.append(outputs["loss"].detach())  # stays on its device: no sync here
        self._meter.count(batch, trainer.is_last_batch)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        data: StoreData = trainer.datamodule  # type: ignore[attr-defined]
        seconds = time.perf_counter() - self._start_s
        waited = data.loader.waited_s if data.loader else 0.0
        row: dict[str, float] = {
            "epoch": trainer.current_epoch,
            "train_loss": float(self._epoch_losses().mean()),
        }
        row |= {name: float(value) for name, value in trainer.callback_metrics.items()}
        per_unit, unit = input_unit(data.store, data.task.inputs)
        row |= {
            "seconds": seconds,
            **self._meter.figures(per_unit, unit, waited),
            "padding_efficiency": data.padding_efficiency,
        }
        self.rows.append(row)
        if trainer.logger is not None:
            trainer.logger.log_metrics(row, step=trainer.current_epoch)
        log.info(
            "epoch %d/%s  loss %.4f  val_%s %.4f  %.0f items/s  %.0f %s/s  data wait %.1f %%  "
            "padding efficiency %.1f %%  peak memory %.0f MB  %.1f s",
            trainer.current_epoch + 1, trainer.max_epochs, row["train_loss"],
            self.metric, row.get(f"val_{self.metric}", float("nan")), row["items_per_s"],
            row[f"{unit}_per_s"], unit.replace("_", " "), 100 * row["data_wait"],
            100 * row["padding_efficiency"], row["peak_memory_mb"], seconds,
        )  # fmt: skip
        self._write()

    def state_dict(self) -> dict[str, Any]:
        seconds = time.perf_counter() - self._start_s
        return {"rows": self.rows, "losses": self._epoch_losses(), "seconds": seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows = list(state_dict["rows"])
        self._earlier, self._earlier_s = state_dict["losses"], state_dict["seconds"]

    def _epoch_losses(self) -> Tensor:
        here = torch.stack(self._losses).cpu() if self._losses else torch.empty(0)
        return torch.cat([self._earlier, here])

    def _write(self) -> None:
        temporary = self.path.with_suffix(".tmp")
        with temporary.open("w", newline="") as file:
            writer = csv.DictWriter(file, list({name: None for row in self.rows for name in row}))
            writer.writeheader()
            writer.writerows(self.rows)
        os.replace(temporary, self.path)
