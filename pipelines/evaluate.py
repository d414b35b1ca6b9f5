"""`rnnmm evaluate`: a finished run measured, on its own files or on others."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rnnmm.config import build
from rnnmm.experiment import evaluate
from rnnmm.loading.gather import parts
from rnnmm.manifest import count_of
from rnnmm.pipelines import captions
from rnnmm.pipelines.compose import compose_for_run
from rnnmm.pipelines.console import console, logging_to, print_figures
from rnnmm.pipelines.preprocess import preprocess
from rnnmm.result import Evaluation
from rnnmm.run import read_config, read_state
from rnnmm.store.joined import JoinedStore
from rnnmm.store.reader import Store
from rnnmm.summary import write_report
from rnnmm.tasks.joined import Alone, Recording, score_beside
from rnnmm.tasks.recognition import SpeechRecognition

log = logging.getLogger(__name__)

REQUIRED = ("dataset",)


def main(overrides: Sequence[str]) -> int:
    """Measures the split that the overrides name; writes to `run.out`."""
    if overrides[:1] == ["captions"]:  # a file of captions, whoever wrote them: no run
        return captions.main(overrides[1:])
    config = compose_for_run(overrides, REQUIRED)
    run_dir = Path(config["run"]["dir"])
    trained = read_config(run_dir)
    is_other = config["dataset"] != trained["dataset"]
    out = results_dir(config, trained)
    if is_other:
        # Their store belongs to the result, not to the run's stores, which may lie where nothing
        # can be written.
        dataset = _as_given(config["dataset"], overrides)
        config = {**config, "dataset": dataset, "store": {"root": str(out / "store")}}
    with logging_to(out):
        store, seconds = preprocess(config)
        if is_other:
            config = {**config, "split": _split_there(config["split"], store)}
        if store.fingerprint != read_state(run_dir)["store"]:
            evaluate_run(config, store, run_dir, out, preprocess=seconds)
        else:
            evaluate_run(config, store, run_dir, out)
    return 0


def results_dir(config: Mapping[str, Any], trained: Mapping[str, Any]) -> Path:
    """Where figures go: `run.out`, else a place in the run's folder that only they have.

    The run's own split of its own files is the folder itself, so that nothing else overwrites
    its `metrics.json`.

    Args:
        config: what is measured.
        trained: the config of the run.
    """
    if config["run"]["out"]:
        return Path(config["run"]["out"])
    place = _place(config, trained)
    return place / "degraded" / build(config["degrade"]).name if config.get("degrade") else place


def _place(config: Mapping[str, Any], trained: Mapping[str, Any]) -> Path:
    run, split, dataset = config["run"], config["split"], config["dataset"]
    if dataset != trained["dataset"]:
        files = Path(str(dataset.get("root") or dataset.get("path")))
        return Path(run["dir"], "other", f"{files.name}_{split}")
    # Another search, or more clips of each video: the run's own figures stay.
    if any(config.get(part) != trained.get(part) for part in ("model", "task")):
        return Path(run["dir"], "search", split)
    return Path(run["dir"]) if split == trained["split"] else Path(run["dir"], split)


def _as_given(dataset: Mapping[str, Any], overrides: Sequence[str]) -> Mapping[str, Any]:
    """The dataset without splits drawn, unless asked for: other files are all for measuring."""
    is_asked = any(word.lstrip("+").startswith("dataset.split=") for word in overrides)
    is_drawn = dataset.get("split") == "seeded"
    # Every recipe that can draw splits does not by default.
    kept = {key: value for key, value in dataset.items() if key != "split"}
    return kept if is_drawn and not is_asked else dataset


def _split_there(split: str, store: Store) -> str:
    """The split to measure; of files without split lists, which all count as test, that one."""
    if split in ("all", *store.info["splits"]) or set(store.info["splits"]) != {"test"}:
        return split
    log.warning("%s: no items in split %s, all count as test: measuring these",
                store.info["name"], split)  # fmt: skip
    return "test"


def degraded(config: Mapping[str, Any], store: Store) -> Store:
    """The store with the noise that is asked for, or as the long recordings."""
    if not config.get("degrade"):
        return store
    inputs = config["task"]["inputs"]
    if "audio" not in parts(inputs):
        log.warning("degrade: other sound changes nothing for a task that reads %s", inputs)
    degraded: Store = build(config["degrade"]).over(store)
    return degraded


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
    store = degraded(config, store)
    evaluation = evaluate(config, store, config["split"], run_dir, **seconds)
    if isinstance(store, JoinedStore) and isinstance(evaluation.task, SpeechRecognition):
        alone = evaluate(config, store.items, config["split"], run_dir)
        evaluation = _beside(evaluation, store.members, alone)
    evaluation.write(out)
    title = f"{evaluation.task.name} on {store.info['name']}, split {evaluation.split}"
    write_report(out / "report.html", title, [(evaluation, run_dir)])
    score = evaluation.score
    heading = f"{title}, {count_of(len(evaluation.rows), 'item')}"
    ceilings = score.counts.get("ceilings", {})
    print_figures(heading, score.metrics, score.floors, evaluation.intervals, ceilings)
    console.print(f"{out / 'metrics.json'}\n{out / 'report.html'}")
    return evaluation


def _beside(joined: Evaluation, members: Sequence[Sequence[int]], alone: Evaluation) -> Evaluation:
    """The evaluation of recordings with the figures of the items in them, one by one."""
    items = {
        one.row: Alone(unit, alone.rows.references[one.row][0].split(), one.hypothesis.split())
        for one, unit in zip(alone.predictions, alone.units)
    }
    recordings = [
        Recording(members[one.row], one.hypothesis.split()) for one in joined.predictions
    ]
    return replace(joined, score=score_beside(joined.score, recordings, items, alone.score))
