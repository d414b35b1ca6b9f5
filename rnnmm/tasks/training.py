"""Training: a Lightning trainer that can be killed at any moment and goes on to the same end."""

import csv
import logging
import os
import signal
import time
import warnings
from pathlib import Path
from typing import Any, Literal

import lightning.pytorch as pl
import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import EarlyStopping, EMAWeightAveraging, ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor

from rnnmm.domain import Positive, Probability, Size
from rnnmm.store.commit import commit, remove_temps
from rnnmm.tasks.checkpoint import StepCheckpoints
from rnnmm.tasks.data import StoreData
from rnnmm.tasks.task import Task, count_parameters
from rnnmm.tasks.throughput import Meter, input_unit, summarise

log = logging.getLogger(__name__)

LAST = "last.ckpt"


def make_trainer(  # noqa: PLR0913 one argument per choice of a user
    run_dir: Path,
    metric: str,
    is_lower_better: bool,
    max_epochs: Size,
    gradient_clip: Positive | None = 1.0,
    precision: Literal["32-true", "16-mixed", "bf16-mixed"] = "32-true",
    patience: Size | None = None,
    average_decay: Probability | None = None,
    accelerator: Literal["auto", "cpu", "cuda"] = "auto",
    deterministic: bool = True,
    checkpoint_every_steps: Size | None = None,
) -> pl.Trainer:
    """A Lightning trainer that leaves checkpoints, a history and TensorBoard logs in a folder.

    Args:
        run_dir: the folder.
        metric: the validation figure by which the best epoch is chosen.
        is_lower_better: whether less of it is better.
        max_epochs: epochs of the whole run; the learning rate's decay ends there.
        gradient_clip: largest norm of the gradient; None: any.
        precision: of the forward and backward pass.
        patience: epochs without a better figure before training stops; None: never.
        average_decay: validate and keep a running average of the weights that forgets with this
            factor a step, such as 0.995; None: the weights as they are.
        accelerator: "auto" takes a GPU where there is one.
        deterministic: the same bits on the same machine, run after run; on a GPU as far as torch
            has kernels for it (for CTC it has none, and says so).
        checkpoint_every_steps: steps of an epoch after which a killed run can go on; None: at the
            end of each epoch alone. Where it goes on cannot change where it ends.
    """
    mode: Literal["min", "max"] = "min" if is_lower_better else "max"
    monitor = f"val_{metric}"
    best = BestOrLater(
        run_dir / "checkpoints",
        filename="best-{epoch}",
        monitor=monitor,
        mode=mode,
        save_last=True,
        save_on_train_epoch_end=True,  # after the epoch's figures: nothing of it is left to redo
        enable_version_counter=False,
    )
    callbacks: list[pl.Callback] = [best, History(run_dir / "history.csv", metric)]
    if checkpoint_every_steps is not None:
        callbacks.append(StepCheckpoints(run_dir / "checkpoints" / LAST, checkpoint_every_steps))
    if patience is not None:
        # At the end of the training epoch, for the same reason.
        callbacks.append(
            EarlyStopping(monitor, patience=patience, mode=mode, check_on_train_epoch_end=True)
        )
    if average_decay is not None:
        callbacks.append(EMAWeightAveraging(decay=average_decay))
    return pl.Trainer(
        accelerator=accelerator,
        devices=1,
        max_epochs=max_epochs,
        gradient_clip_val=gradient_clip,
        precision=precision,
        deterministic="warn" if deterministic else False,
        callbacks=callbacks,
        logger=TensorBoardLogger(str(run_dir), name=None, version="tensorboard"),
        plugins=[DurableCheckpoints()],
        default_root_dir=str(run_dir),
        reload_dataloaders_every_n_epochs=1,  # the order is a function of the epoch
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
        log_every_n_steps=1,
        use_distributed_sampler=False,
    )


def fit(trainer: pl.Trainer, task: Task, data: StoreData, run_dir: Path) -> float:
    """Trains from where an earlier run in this folder stopped, or from the start.

    The task then has the weights of its best epoch.

    Returns:
        Seconds of training, those before an interruption included.

    Raises:
        KeyboardInterrupt: Ctrl-C; a rerun goes on.
    """
    log.info(
        "%s: %d parameters, %d training and %d validation items, %s",
        task.name, count_parameters(task.model), len(data.train), len(data.val),
        trainer.accelerator.__class__.__name__,
    )  # fmt: skip
    last = run_dir / "checkpoints" / LAST
    if last.is_file():
        log.info("going on from %s", last)
    remove_temps(last.parent)
    on_interrupt = signal.getsignal(signal.SIGINT)
    try:
        ckpt_path = str(last) if last.is_file() else None
        with warnings.catch_warnings():
            # Lightning takes only loaders that hold their position for resumable; ours are told.
            warnings.filterwarnings("ignore", ".*your dataloader is not resumable")
            trainer.fit(task, data, ckpt_path=ckpt_path, weights_only=True)
    except SystemExit as stop:  # what Lightning makes of Ctrl-C, which it then ignores for good
        signal.signal(signal.SIGINT, on_interrupt)
        raise KeyboardInterrupt from stop
    finally:
        data.close()
    # By name: the folder may have been moved since an earlier part of the run wrote the path.
    best = last.parent / Path(_checkpoint(trainer).best_model_path).name
    state = torch.load(best, map_location="cpu", weights_only=True)["state_dict"]
    task.load_state_dict(state)
    return sum(row["seconds"] for row in _history(trainer).rows)


def throughput(trainer: pl.Trainer, data: StoreData) -> dict[str, Any]:
    """How fast a finished training went: see `rnnmm.tasks.throughput.summarise`.

    ``cached`` tells that it was fed one batch again and again, and learned nothing else.
    """
    return {**summarise(_history(trainer).rows), "cached": data.batching.cached}


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


class BestOrLater(ModelCheckpoint):
    """Of equally good epochs keeps the last: it has seen more, at a smaller learning rate."""

    def check_monitor_top_k(self, trainer: pl.Trainer, current: Tensor | None = None) -> bool:
        is_equal = current is not None and bool(current == self.best_model_score)
        return is_equal or super().check_monitor_top_k(trainer, current)


class DurableCheckpoints(TorchCheckpointIO):
    """Checkpoints that are whole or not there: written aside, synced, then renamed."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None
    ) -> None:
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        commit(target, lambda temp: torch.save(checkpoint, temp))


def _history(trainer: pl.Trainer) -> History:
    return next(one for one in trainer.callbacks if isinstance(one, History))  # type: ignore[attr-defined]


def _checkpoint(trainer: pl.Trainer) -> ModelCheckpoint:
    callback = trainer.checkpoint_callback
    assert isinstance(callback, ModelCheckpoint)
    return callback
