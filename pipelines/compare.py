"""`rnnmm compare`: models under one recipe, or finished runs, on the very same items."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rnnmm.comparison import Comparison, compare
from rnnmm.experiment import evaluate
from rnnmm.manifest import count_of
from rnnmm.pipelines.compose import compose_config, compose_for_run
from rnnmm.pipelines.console import console, logging_to, print_rows, show_figure
from rnnmm.pipelines.evaluate import degraded, evaluate_run, results_dir
from rnnmm.pipelines.preprocess import preprocess
from rnnmm.pipelines.train import REQUIRED, TRAINED, train_run
from rnnmm.pipelines.words import stop, take_words
from rnnmm.result import Evaluation, to_json
from rnnmm.run import check_folder, read_config
from rnnmm.store.commit import commit_bytes

log = logging.getLogger(__name__)

RESULT = "comparison.json"
_LEAST_UNITS = 2
_USAGE = (
    "rnnmm compare experiment=NAME models=[A,B,...] run.dir=FOLDER [KEY=VALUE ...], or\n"
    "rnnmm compare runs=[FOLDER,FOLDER,...] [split=NAME] [run.out=FOLDER]"
)


def main(words: Sequence[str]) -> int:
    """Prints each model's figures beside how far they are from the first one's, in pairs.

    With ``models`` each is trained as `rnnmm run` would, with ``model=NAME`` and a folder of its
    own below ``run.dir``; a rerun goes on where it stopped. With ``runs`` finished runs answer
    for their split once more.
    """
    values, overrides = take_words(words, {"models": "", "runs": ""})
    models, runs = _listed(values["models"]), _listed(values["runs"])
    if faults := _faults(models, runs, overrides):
        stop(faults, _USAGE)
    if models:
        comparison, out = _of_models(models, overrides)
    else:
        comparison, out = _of_runs([Path(run).expanduser().absolute() for run in runs], overrides)
    out.mkdir(parents=True, exist_ok=True)
    summary = comparison.summary()
    commit_bytes(out / RESULT, f"{to_json(summary, indent=1)}\n".encode())
    _show(summary)
    console.print(str(out / RESULT), markup=False)
    return 0


def _of_models(models: Sequence[str], overrides: Sequence[str]) -> tuple[Comparison, Path]:
    # All faults before the first training.
    configs = [compose_config([*overrides, f"model={name}"], REQUIRED) for name in models]
    parent = Path(configs[0]["run"]["dir"])
    evaluations = [
        _run(config, parent / name, [*overrides, f"model={name}"])
        for config, name in zip(configs, models)
    ]
    return compare(models, evaluations), Path(configs[0]["run"]["out"] or parent)


def _run(config: Mapping[str, Any], run_dir: Path, overrides: Sequence[str]) -> Evaluation:
    """As `rnnmm run` in a folder of its own, where all of it stays."""
    config = {**config, "run": {**config["run"], "dir": str(run_dir), "out": None}}
    check_folder(run_dir, Path(config["store"]["root"]))
    with logging_to(run_dir):
        log.info("%s", run_dir)
        store = train_run(config, overrides, (*TRAINED, config["split"]))
        return evaluate_run(config, store, run_dir, results_dir(config, read_config(run_dir)))


def _of_runs(runs: Sequence[Path], overrides: Sequence[str]) -> tuple[Comparison, Path]:
    configs = [compose_for_run([*overrides, f"run.dir={run}"], ("dataset",)) for run in runs]
    with logging_to():
        evaluations = [
            evaluate(config, degraded(config, preprocess(config)[0]), config["split"], run)
            for config, run in zip(configs, runs)
        ]
    return compare(_names(runs), evaluations), Path(configs[0]["run"]["out"] or runs[0])


def _show(summary: Mapping[str, Any]) -> None:
    for metric in summary["runs"][0]["metrics"]:
        rows = [row for one in summary["runs"] if (row := _row(one, metric)) is not None]
        if any(row[-1] for row in rows):
            title = (
                f"{metric} of {summary['task']} on {summary['dataset']}, "
                f"split {summary['split']}, "
                f"{count_of(summary['num_items'], 'item')}, in pairs with {summary['first']}"
            )
            columns = ["run", "parameters", metric, "difference", "95 % interval"]
            print_rows(title, columns, rows)


def _row(run: Mapping[str, Any], metric: str) -> list[str] | None:
    if metric not in run["metrics"]:
        return None
    row = [run["name"], f"{run['parameters']:,}", show_figure(run["metrics"][metric])]
    found = run["differences"].get(metric)
    if found is None:
        return [*row, "", ""]
    interval = f"{found['low']:+.4f} to {found['high']:+.4f}"
    if found["units"] < _LEAST_UNITS:  # drawn anew, one unit is always itself
        interval = "n/a"
    return [*row, f"{found['difference']:+.4f}", interval]


def _faults(models: Sequence[str], runs: Sequence[str], overrides: Sequence[str]) -> list[str]:
    if models and runs:
        return ["expected models=[...] or runs=[...], got both"]
    listed = models or runs
    if len(set(listed)) < 2 or len(set(listed)) < len(listed):
        found = ", ".join(listed) or "none"
        return [f"expected two or more different models or runs, got {found}"]
    chosen = "model=" if models else "run.dir="
    return [
        f"{word}: cannot be given beside {'models' if models else 'runs'}"
        for word in overrides
        if word.lstrip("+").startswith(chosen)
    ]


def _listed(value: str) -> list[str]:
    """``[a,b]``, with brackets or without."""
    inner = value[1:-1] if value.startswith("[") and value.endswith("]") else value
    return [name.strip() for name in inner.split(",") if name.strip()]


def _names(runs: Sequence[Path]) -> list[str]:
    """The shortest ends of the paths that are all different."""
    most = max(len(run.parts) for run in runs)
    for count in range(1, most + 1):
        names = [str(Path(*run.parts[-count:])) for run in runs]
        if len(set(names)) == len(names):
            return names
    return [str(run) for run in runs]
