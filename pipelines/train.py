"""`rnnmm train`: a store to a trained task in the run's folder."""

import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rnnmm.experiment import train
from rnnmm.pipelines.compose import compose_config
from rnnmm.pipelines.console import console, logging_to
from rnnmm.pipelines.preprocess import preprocess
from rnnmm.run import check_folder, claim, has_begun, read_state, record_seconds
from rnnmm.store.commit import commit_bytes
from rnnmm.store.reader import Store

REQUIRED = ("dataset", "preprocess", "features", "model", "task", "optim", "trainer", "loader")

TRAINED = ("train", "val")


def main(overrides: Sequence[str]) -> int:
    """Decodes what is not decoded yet, and trains; a rerun goes on where it stopped."""
    config = compose_config(overrides, REQUIRED)
    run_dir = Path(config["run"]["dir"])
    check_folder(run_dir, Path(config["store"]["root"]))
    with logging_to(run_dir):
        train_run(config, overrides)
    console.print(f"trained: {run_dir}")
    return 0


def train_run(
    config: Mapping[str, Any], overrides: Sequence[str], splits: Sequence[str] = TRAINED
) -> Store:
    """Preprocesses and trains; returns the store for what comes next.

    Args:
        config: composed and checked.
        overrides: as typed, to be kept.
        splits: that must hold items: those to be measured afterwards, too.

    Raises:
        ValueError: One of them is empty, another process trains in the run's folder, or what
            `rnnmm.experiment.train` raises.
    """
    run_dir = Path(config["run"]["dir"])
    store, seconds = preprocess(config, splits)
    with _alone_in(run_dir):
        claim(run_dir, config, store.fingerprint)
        if not has_begun(run_dir):
            commit_bytes(run_dir / "overrides.txt", "\n".join([*overrides, ""]).encode())
        # Of a rerun that finds its store ready, the first figure stays: it is the true cost.
        if "preprocess" not in read_state(run_dir)["seconds"]:
            record_seconds(run_dir, preprocess=seconds)
        train(config, store, run_dir)
    return store


@contextmanager
def _alone_in(run_dir: Path) -> Iterator[None]:
    """Nobody else trains in a folder meanwhile. A killed process lets go of it by itself."""
    handle = os.open(run_dir, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ValueError(
                f"run.dir: expected a folder that nobody else trains in, got {run_dir}, where "
                f"another process is at work; wait for it, or choose another folder"
            ) from error
        yield
    finally:
        os.close(handle)
