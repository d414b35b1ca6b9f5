"""`rnnmm run`: preprocess, train and evaluate in one go."""

from collections.abc import Sequence
from pathlib import Path

from rnnmm.pipelines.compose import compose_config
from rnnmm.pipelines.console import logging_to
from rnnmm.pipelines.evaluate import evaluate_run
from rnnmm.pipelines.train import REQUIRED, train_run


def main(overrides: Sequence[str]) -> int:
    """From media files to measured figures; a rerun goes on where it stopped."""
    config = compose_config(overrides, REQUIRED)
    run_dir = Path(config["run"]["dir"])
    with logging_to(run_dir):
        store = train_run(config, overrides)
        evaluate_run(config, store, run_dir, Path(config["run"]["out"] or run_dir))
    return 0
