"""`rnnmm run`: preprocess, train and evaluate in one go."""

from collections.abc import Sequence
from pathlib import Path

from rnnmm.pipelines.compose import compose_config
from rnnmm.pipelines.console import logging_to
from rnnmm.pipelines.evaluate import evaluate_run, results_dir
from rnnmm.pipelines.train import REQUIRED, TRAINED, train_run
from rnnmm.run import check_folder, read_config


def main(overrides: Sequence[str]) -> int:
    """From media files to measured figures; a rerun goes on where it stopped."""
    config = compose_config(overrides, REQUIRED)
    run_dir = Path(config["run"]["dir"])
    check_folder(run_dir, Path(config["store"]["root"]))
    with logging_to(run_dir):
        store = train_run(config, overrides, (*TRAINED, config["split"]))
        evaluate_run(config, store, run_dir, results_dir(config, read_config(run_dir)))
    return 0
