"""`rnnmm demo`: all four tasks on the made corpus, with a table and a page at the end."""

import time
from collections.abc import Sequence
from pathlib import Path

from rnnmm.pipelines.compose import compose_config
from rnnmm.pipelines.console import console, logging_to, print_rows
from rnnmm.pipelines.evaluate import evaluate_run
from rnnmm.pipelines.train import REQUIRED, TRAINED, train_run
from rnnmm.run import check_folder
from rnnmm.summary import write_report

TASKS = ("asr", "speaker", "action", "caption")


def main(overrides: Sequence[str]) -> int:
    """Runs the four `studio_*` experiments; the overrides go to each of them."""
    start = time.perf_counter()
    given = [word for word in overrides if not word.startswith("run.dir=")]
    roots = [word.removeprefix("run.dir=") for word in overrides if word.startswith("run.dir=")]
    root = Path(roots[-1] if roots else "runs/demo").absolute()
    done, rows = [], []
    for name in TASKS:
        task_start = time.perf_counter()
        words = [f"experiment=studio_{name}", f"run.dir={root / name}", *given]
        config = compose_config(words, REQUIRED)
        check_folder(root / name, Path(config["store"]["root"]))
        console.rule(f"{name} (synthetic data)")
        with logging_to(root / name):
            store = train_run(config, words, (*TRAINED, config["split"]))
            evaluation = evaluate_run(config, store, root / name, root / name)
        done.append((evaluation, root / name))
        metric, score = evaluation.task.metric, evaluation.score
        rows.append((
            name, metric, f"{score.metrics[metric]:.4f}", f"{score.floors[metric]:.4f}",
            str(len(evaluation.rows)), f"{time.perf_counter() - task_start:.0f}",
        ))  # fmt: skip
    page = root / "report.html"
    write_report(page, "rnnmm demo", done)
    columns = ["task", "metric", "value", "floor", "items", "seconds"]
    title = "four tasks on SYNTHETIC clips (voices by espeak-ng, drawn figures), test split"
    print_rows(title, columns, rows)
    console.print(f"{time.perf_counter() - start:.0f} s in all; look at {page}")
    return 0
