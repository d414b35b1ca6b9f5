"""`rnnmm evaluate`: a finished run measured, on its own files or on others."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rnnmm.experiment import evaluate
from rnnmm.pipelines.compose import compose_for_run
from rnnmm.pipelines.console import console, logging_to, print_figures
from rnnmm.pipelines.preprocess import preprocess
from rnnmm.result import Evaluation
from rnnmm.run import read_config, read_state
from rnnmm.store.reader import Store
from rnnmm.summary import write_report

REQUIRED = ("dataset",)


def main(overrides: Sequence[str]) -> int:
    """Measures the split that the overrides name; writes to `run.out`."""
    config = compose_for_run(overrides, REQUIRED)
    run_dir = Path(config["run"]["dir"])
    out = Path(config["run"]["out"] or run_dir)
    if config["dataset"] != read_config(run_dir)["dataset"]:
        # Other files: their store belongs to the result, not to the run's stores, which may lie
        # where nothing can be written.
        other = config["dataset"].get("root") or config["dataset"].get("path")
        name = f"{Path(str(other)).name}_{config['split']}"
        out = Path(config["run"]["out"] or run_dir / "other" / name)
        config = {**config, "store": {"root": str(out / "store")}}
    with logging_to(out):
        store, seconds = preprocess(config)
        if store.fingerprint != read_state(run_dir)["store"]:
            evaluate_run(config, store, run_dir, out, preprocess=seconds)
        else:
            evaluate_run(config, store, run_dir, out)
    return 0


def evaluate_run(
    config: Mapping[str, Any], store: Store, run_dir: Path, out: Path, **seconds: float
) -> Evaluation:
    """Scores, writes metrics, predictions and the report, and prints the figures.

    Args:
        config: composed and checked.
        store: what to measure on.
        run_dir: of the finished run.
        out: where the results go.
        seconds: of stages that took another time than the run's own.
    """
    evaluation = evaluate(config, store, config["split"], run_dir, **seconds)
    evaluation.write(out)
    title = f"{evaluation.task.name} on {store.info['name']}, split {evaluation.split}"
    write_report(out / "report.html", title, [(evaluation, run_dir)])
    score = evaluation.score
    print_figures(f"{title}, {len(evaluation.rows)} items", score.metrics, score.floors)
    console.print(f"{out / 'metrics.json'}\n{out / 'report.html'}")
    return evaluation
