"""`rnnmm train`: a store to a trained task in the run's folder."""

from collections.abc import Mapping, Sequence
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
        ValueError: One of them is empty, or what `rnnmm.experiment.train` raises.
    """
    run_dir = Path(config["run"]["dir"])
    store, seconds = preprocess(config)
    _check_splits(store, splits)
    claim(run_dir, config, store.fingerprint)
    if not has_begun(run_dir):
        commit_bytes(run_dir / "overrides.txt", "\n".join([*overrides, ""]).encode())
    # Of a rerun that finds its store ready, the first figure stays: it is the true cost.
    if "preprocess" not in read_state(run_dir)["seconds"]:
        record_seconds(run_dir, preprocess=seconds)
    train(config, store, run_dir)
    return store


def _check_splits(store: Store, splits: Sequence[str]) -> None:
    """Before the training that would be in vain."""
    empty = [one for one in splits if one != "all" and not len(store.rows(one))]
    if empty:
        there = ", ".join(f"{count} {split}" for split, count in store.info["splits"].items())
        raise ValueError(
            f"{store.info['name']}: expected items in {' and '.join(empty)}, got {there}; add "
            f"files, or say which are which (a folder or text: dataset.split=seeded, a table: its "
            f"column split)"
        )
