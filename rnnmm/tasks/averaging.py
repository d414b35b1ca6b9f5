"""What is kept of a finished training: its best epoch, or the mean of its best few."""

import logging
import math
from collections.abc import Sequence
from pathlib import Path

import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor, nn

from rnnmm.tasks.data import StoreData
from rnnmm.tasks.evaluation import predict_rows
from rnnmm.tasks.task import Task

log = logging.getLogger(__name__)

State = dict[str, Tensor]


def keep_best(task: Task, data: StoreData, checkpoint: ModelCheckpoint, folder: Path) -> None:
    """Gives a task the weights that validation speaks for.

    Where the checkpoints of several epochs were kept, the mean of their weights stands against
    the best epoch; both are validated here, alike. The mean is kept where it is no worse: its one
    figure is not the luckiest of many, as that of the best epoch is.

    Args:
        task: trained, on the device to validate on.
        data: what it was trained and validated on.
        checkpoint: knows the figures of the epochs.
        folder: of the checkpoints.
    """
    paths = best_epochs(checkpoint, folder)
    best = load_state(paths[0])
    task.load_state_dict(best)
    if len(paths) < 2:
        return
    alone = _figure(task, data)
    task.load_state_dict(mean_state(paths))
    renew_statistics(task, data)
    together = _figure(task, data)
    is_kept = together <= alone if task.is_lower_better else together >= alone
    if not is_kept:
        task.load_state_dict(best)
    names = ", ".join(path.stem.removeprefix("best-") for path in paths)
    log.info(
        "val_%s %.4f of the mean of %s, %.4f of %s alone: %s is kept",
        task.metric, together, names, alone, paths[0].stem.removeprefix("best-"),
        "the mean" if is_kept else "the latter",
    )  # fmt: skip


def best_epochs(checkpoint: ModelCheckpoint, folder: Path) -> list[Path]:
    """The kept checkpoints, best first, of equally good ones the later first.

    They are found by name: the folder may have been moved since an earlier part of the run.
    """
    sign = 1 if checkpoint.mode == "min" else -1
    scores = {name: sign * float(score) for name, score in checkpoint.best_k_models.items()}
    names = [name for name in reversed(scores) if math.isfinite(scores[name])]
    paths = [folder / Path(name).name for name in sorted(names, key=scores.__getitem__)]
    # Where no epoch had a figure, Lightning knows of one path alone.
    return [path for path in paths if path.is_file()] or [
        folder / Path(checkpoint.best_model_path).name
    ]


def load_state(path: Path) -> State:
    """The weights in a checkpoint, as they were validated."""
    state: State = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    return state


def mean_state(paths: Sequence[Path]) -> State:
    """The mean of several checkpoints' weights, added up in double precision.

    Whole numbers, such as counts of batches, are those of the first.
    """
    first = load_state(paths[0])
    total = {name: value.double() for name, value in first.items() if value.is_floating_point()}
    for path in paths[1:]:
        state = load_state(path)
        for name, value in total.items():
            value += state[name]
    return first | {
        name: (value / len(paths)).to(first[name].dtype) for name, value in total.items()
    }


def renew_statistics(task: Task, data: StoreData) -> None:
    """Learns the batch norms' statistics anew, from one epoch of training batches.

    A mean of weights makes other activations than any of them, so that a mean of statistics would
    fit none. Each batch counts the same; nothing else is learned. Norms that training leaves as
    they are, such as those of a frozen backbone, stay as they are.
    """
    task.train()
    kinds = nn.modules.batchnorm._BatchNorm
    norms = [one for one in task.modules() if isinstance(one, kinds) and one.training]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean
    with torch.no_grad():
        for step, batch in enumerate(data.train_dataloader()):
            task.seed_step(0, step)
            task.loss(task.augmented_frames(batch.inputs), batch)
    data.close()
    for norm, momentum in zip(norms, momenta):
        norm.momentum = momentum


def _figure(task: Task, data: StoreData) -> float:
    predictions = predict_rows(task, data.store, data.val, data.batching)
    references = [data.val.references[row] for row in data.val.index]
    return task.validation_score(predictions, references).metrics[task.metric]
