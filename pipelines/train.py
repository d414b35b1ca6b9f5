"""`rnnmm train`: a store to a trained task in the run's folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rnnmm.experiment import train
from rnnmm.pipelines.compose import compose_config
from rnnmm.pipelines.console import console, logging_to
from rnnmm.pipelines.preprocess import preprocess
from rnnmm.run import claim, read_state, record_seconds
from rnnmm.store.commit import commit_bytes
from rnnmm.store.reader import Store

REQUIRED = ("dataset", "preprocess", "features", "model", "task", "optim", "trainer", "loader")


def main(overrides: Sequence[str]) -> int:
    """Decodes what is not decoded yet, and trains; a rerun goes on where it stopped."""
    config = compose_config(overrides, REQUIRED)
    run_dir = Path(config["run"]["dir"])
    with logging_to(run_dir):
        train_run(config, overrides)
    console.print(f"trained: {run_dir}")
    return 0


def train_run(config: Mapping[str, Any], overrides: Sequence[str]) -> Store:
    """Preprocesses and trains; returns the store for what comes next."""
    run_dir = Path(config["run"]["dir"])
    store, seconds = preprocess(config)
    claim(run_dir, config, store.fingerprint)
    # Of a rerun that finds its store ready, the first figure stays: it is the true cost.
    if "preprocess" not in read_state(run_dir)["seconds"]:
        commit_bytes(run_dir / "overrides.txt", "\n".join([*overrides, ""]).encode())
        record_seconds(run_dir, preprocess=seconds)
    train(config, store, run_dir)
    return store
