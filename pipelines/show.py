"""`rnnmm show`: what an experiment is, without training it."""

from collections.abc import Sequence

import torch

from rnnmm.configfile import dump_config
from rnnmm.experiment import make_data
from rnnmm.pipelines.compose import compose_config
from rnnmm.pipelines.console import console, logging_to, print_rows
from rnnmm.pipelines.preprocess import preprocess
from rnnmm.pipelines.train import REQUIRED
from rnnmm.tasks.task import count_parameters


def main(overrides: Sequence[str]) -> int:
    """Prints the composed config, the shapes of one batch, and the model with its parameters."""
    config = compose_config(overrides, REQUIRED)
    console.print(dump_config(config), markup=False)
    with logging_to():
        data = make_data(config, preprocess(config)[0])
    task = data.task
    batch = next(iter(data.train_dataloader()))
    task.seed_step(epoch=0, step=0)
    with torch.inference_mode():
        frames = task.augmented_frames(batch.inputs)
    shown = [(name, _show(part)) for name, part in zip(batch._fields, batch)]
    print_rows("one batch", ["part", "value"], [*shown, ("frames", str(frames))])
    parts = [(name, f"{count_parameters(part):,}") for name, part in task.model.named_children()]
    parts.append(("all", f"{count_parameters(task.model):,}"))
    print_rows("parameters", ["part", "trainable numbers"], parts)
    console.print(str(task.model), markup=False)
    return 0


def _show(part: object) -> str:
    return str(part.tolist()) if isinstance(part, torch.Tensor) else str(part)
