"""`rnnmm tune-decode`: weights for a finished run's search, by trial on its validation split."""

import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from rnnmm.experiment import load_task, usable_rows
from rnnmm.pipelines.compose import compose_for_run
from rnnmm.pipelines.console import console, logging_to, print_rows
from rnnmm.pipelines.preprocess import preprocess
from rnnmm.pipelines.words import is_between, stop
from rnnmm.result import to_json
from rnnmm.store.commit import commit_bytes
from rnnmm.tasks.recognition import SpeechRecognition
from rnnmm.tuning import Grid, tune_search

log = logging.getLogger(__name__)

REQUIRED = ("dataset", "model")
SPLIT = "val"
GRID = {"weight": (0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.3), "word_bonus": (0.0, 0.5, 1.0, 2.0)}
_OWN = "try."
_USAGE = "usage: rnnmm tune-decode run.dir=RUN [try.SETTING=[0.2,0.5] ...] [overrides]"
_SHOWN = 8


def main(words: Sequence[str]) -> int:
    """Prints the best settings as overrides for `evaluate`; all trials go to ``tuned.json``."""
    grid, overrides = parse(words)
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
        trials = tune_search(config, task, store, usable_rows(config, store, SPLIT), grid)
    commit_bytes(out, to_json([trial._asdict() for trial in trials]).encode())
    table = [
        (*(f"{value:g}" for value in trial.settings.values()), f"{trial.wer:.4f}")
        for trial in trials[:_SHOWN]
    ]
    print_rows(f"{len(trials)} searches of split {SPLIT}, the best", [*grid, "wer"], table)
    asked = [word for word in overrides if word.lstrip("+").startswith("model.search")]
    best = [f"model.search.{name}={value:g}" for name, value in trials[0].settings.items()]
    console.print(
        f"rnnmm evaluate run.dir={run_dir} {' '.join([*asked, *best])}\n{out}", markup=False
    )
    return 0


def parse(words: Sequence[str]) -> tuple[Grid, list[str]]:
    """What to try, by setting of the search, and the words that are overrides of the run's config.

    Raises:
        SystemExit: With code 2, after all faults were written to stderr.
    """
    own = [word for word in words if word.startswith(_OWN)]
    named = [word.removeprefix(_OWN).partition("=") for word in own]
    values = {name: listed.strip("[]").split(",") for name, _, listed in named}
    faults = [
        f"{_OWN}{name}: expected numbers as [0.2,0.5], got {one.strip() or 'nothing'}"
        for name, texts in values.items()
        for one in texts
        if not is_between(one, -sys.float_info.max, sys.float_info.max)
    ]
    if faults:
        stop(faults, _USAGE)
    grid = {name: tuple(map(_number, texts)) for name, texts in values.items()}
    return grid or GRID, [word for word in words if word not in own]


def _number(text: str) -> float:
    return int(text) if text.strip().isdecimal() else float(text)
