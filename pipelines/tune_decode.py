"""`rnnmm tune-decode`: weights for a finished run's search, by trial on its validation split."""

import logging
from collections.abc import Sequence
from pathlib import Path

from rnnmm.experiment import load_task, usable_rows
from rnnmm.pipelines.compose import compose_for_run
from rnnmm.pipelines.console import console, logging_to, print_rows
from rnnmm.pipelines.preprocess import preprocess
from rnnmm.result import to_json
from rnnmm.store.commit import commit_bytes
from rnnmm.tasks.recognition import SpeechRecognition
from rnnmm.tuning import tune_search

log = logging.getLogger(__name__)

REQUIRED = ("dataset", "model")
SPLIT = "val"
GRID = {"weight": (0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.3), "word_bonus": (0.0, 0.5, 1.0, 2.0)}
_SHOWN = 8


def main(overrides: Sequence[str]) -> int:
    """Prints the best settings as overrides for `evaluate`; all trials go to ``tuned.json``."""
    config = compose_for_run(overrides, REQUIRED)
    run_dir = Path(config["run"]["dir"])
    out = Path(config["run"]["out"] or run_dir) / "tuned.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    with logging_to():
        if config["split"] in (SPLIT, "all"):
            log.warning(
                "the figures of this run are of split %s, on which the search is tuned: measure "
                "the outcome on another, with split=NAME", config["split"],
            )  # fmt: skip
        store, _ = preprocess(config)
        task = load_task(config, run_dir)
        if not isinstance(task, SpeechRecognition):
            raise ValueError(f"{run_dir}: expected a run that recognises speech, got {task.name}")
        trials = tune_search(config, task, store, usable_rows(config, store, SPLIT), GRID)
    commit_bytes(out, to_json([trial._asdict() for trial in trials]).encode())
    table = [
        (*(f"{value:g}" for value in trial.settings.values()), f"{trial.wer:.4f}")
        for trial in trials[:_SHOWN]
    ]
    print_rows(f"{len(trials)} searches of split {SPLIT}, the best", [*GRID, "wer"], table)
    asked = [word for word in overrides if word.lstrip("+").startswith("model.search")]
    words = " ".join([*asked, *(f"model.search.{k}={v:g}" for k, v in trials[0].settings.items())])
    console.print(f"rnnmm evaluate run.dir={run_dir} {words}\n{out}", markup=False)
    return 0
