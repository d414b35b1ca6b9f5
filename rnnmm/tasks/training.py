"""Training: a Lightning trainer that can be killed at any moment and goes on to the same end."""

import logging
import signal
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
from rnnmm.tasks.averaging import keep_best
from rnnmm.tasks.checkpoint import StepCheckpoints
from rnnmm.tasks.collapse import CollapseWatch
from rnnmm.tasks.data import StoreData
from rnnmm.tasks.health import GradientWatch
from rnnmm.tasks.history import History
from rnnmm.tasks.task import Task, count_parameters
from rnnmm.tasks.throughput import summarise

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
    average_best: Size = 1,
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
        average_best: epochs, the best in validation, whose weights' mean is kept where it does no
            worse in validation than the best of them; 1: that one is kept.
    """
    mode: Literal["min", "max"] = "min" if is_lower_better else "max"
    callbacks: list[pl.Callback] = [
        _best_epochs(run_dir, metric, mode, average_best),
        GradientWatch(),  # before the history, which writes down what it finds
        CollapseWatch(),
        History(run_dir / "history.csv", metric),
    ]
    if checkpoint_every_steps is not None:
        callbacks.append(StepCheckpoints(run_dir / "checkpoints" / LAST, checkpoint_every_steps))
    if patience is not None:
        # At the end of the training epoch, as the best epochs are kept.
        callbacks.append(
            Patience(f"val_{metric}", patience=patience, mode=mode, check_on_train_epoch_end=True)
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


def _best_epochs(
    run_dir: Path, metric: str, mode: Literal["min", "max"], count: int
) -> "BestOrLater":
    return BestOrLater(
        run_dir / "checkpoints",
        filename="best-{epoch}",
        monitor=f"val_{metric}",
        mode=mode,
        save_top_k=count,
        save_on_train_epoch_end=True,  # after the epoch's figures: nothing of it is left to redo
        enable_version_counter=False,
    )


def fit(trainer: pl.Trainer, task: Task, data: StoreData, run_dir: Path) -> float:
    """Trains from where an earlier run in this folder stopped, or from the start.

    The task then has the weights of its best epoch, or of the mean of its best epochs.

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
    task.to(trainer.strategy.root_device)  # Lightning leaves the task on the CPU
    keep_best(task, data, _checkpoint(trainer), last.parent)
    task.cpu()
    return sum(row["seconds"] for row in _history(trainer).rows)


def throughput(trainer: pl.Trainer, data: StoreData) -> dict[str, Any]:
    """How fast a finished training went: see `rnnmm.tasks.throughput.summarise`.

    ``cached`` tells that it was fed one batch again and again, and learned nothing else.
    """
    return {**summarise(_history(trainer).rows), "cached": data.batching.cached}


class BestOrLater(ModelCheckpoint):
    """Keeps the best epochs, and always the last, to go on from.

    Of equally good epochs it keeps the later: that has seen more, at a smaller learning rate.
    """

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        super().on_train_epoch_end(trainer, pl_module)
        # Lightning's save_last leaves out the epochs that are none of the best: a run that was
        # killed behind them would do them all again.
        trainer.save_checkpoint(Path(str(self.dirpath)) / LAST)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        # By name: of a folder that was moved Lightning forgets which epochs are the best, and the
        # next one would be, however bad.
        folder = Path(str(self.dirpath))
        paths = {
            name: str(folder / Path(state_dict[name]).name) if state_dict[name] else ""
            for name in ("best_model_path", "kth_best_model_path")
        }
        scores = state_dict["best_k_models"].items()
        best = {str(folder / Path(path).name): score for path, score in scores}
        super().load_state_dict(
            {**state_dict, **paths, "best_k_models": best, "dirpath": self.dirpath}
        )

    def check_monitor_top_k(self, trainer: pl.Trainer, current: Tensor | None = None) -> bool:
        # The worst that is kept: where that is one epoch, it is the best, too.
        worst = self.best_k_models.get(self.kth_best_model_path)
        is_equal = current is not None and worst is not None and bool(current == worst)
        return is_equal or super().check_monitor_top_k(trainer, current)


class Patience(EarlyStopping):
    """Early stopping that stays stopped: a rerun of a run that it ended trains no more."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.wait_count >= self.patience:
            trainer.should_stop = True


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
