"""`rnnmm predict`: the answers of a finished run for files of yours."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rnnmm.config import build
from rnnmm.experiment import load_task, make_store
from rnnmm.loading.gather import payload_lengths
from rnnmm.manifest import Item, Manifest, count_of
from rnnmm.pipelines.compose import compose_for_run
from rnnmm.pipelines.console import console, logging_to, print_rows
from rnnmm.result import to_json
from rnnmm.store.commit import commit_bytes
from rnnmm.store.reader import Store
from rnnmm.tasks.data import Rows
from rnnmm.tasks.evaluation import predict_rows
from rnnmm.tasks.task import Task

REQUIRED = ("inputs",)


def main(overrides: Sequence[str]) -> int:
    """Prints and writes one answer a file; files without one are named, and the exit code is 1."""
    config = compose_for_run(overrides, REQUIRED)
    run_dir = Path(config["run"]["dir"])
    inputs = [Path(path) for path in config["inputs"]]
    with logging_to(), TemporaryDirectory() as folder:
        # Through a store of their own: decoded by the same workers, answered on the same path.
        preprocess = {**config["preprocess"], "max_bad_fraction": 1.0}
        config = {**config, "store": {"root": folder}, "preprocess": preprocess}
        silent = [(path, _absence(path)) for path in inputs if not path.is_file()]
        inputs = [path for path in inputs if path.is_file()]
        answers: list[dict[str, Any]] = []
        task = load_task(config, run_dir)
        if inputs:
            store = make_store(config, _manifest(inputs))
            answers = answer(config, task, store, inputs)
            silent += unanswered(store, task, inputs)
    out = Path(config["run"]["out"] or run_dir) / "predicted.jsonl"
    out.parent.mkdir(parents=True, exist_ok=True)
    commit_bytes(out, "".join(f"{to_json(row)}\n" for row in answers).encode())
    table = [(row["path"], row["hypothesis"], f"{row['score']:.3f}") for row in answers]
    title = f"{task.name}: {count_of(len(answers), 'answer')}"
    print_rows(title, ["file", "answer", "log-probability"], table)
    for path, reason in silent:
        console.print(f"no answer for {path}: {reason}", style="red", markup=False)
    console.print(str(out))
    return 1 if silent else 0


def _absence(path: Path) -> str:
    if path.is_dir():
        return "a folder, expected files"
    return "no such file (patterns are not expanded)" if "*" in path.name else "no such file"


def answer(
    config: Mapping[str, Any], task: Task, store: Store, inputs: Sequence[Path]
) -> list[dict[str, Any]]:
    """The rows of ``predicted.jsonl``, in the order of the inputs."""
    lengths = payload_lengths(store, task.inputs)
    index = lengths.nonzero()[0]
    rows = Rows(index, lengths[index], [()] * len(store))
    return [
        {
            "path": str(inputs[int(store.ids[prediction.row])]),
            "hypothesis": prediction.hypothesis,
            "score": round(prediction.score, 6),
            **task.detail(prediction, ()),
        }
        for prediction in predict_rows(task, store, rows, build(config["loader"]))
    ]


def unanswered(store: Store, task: Task, inputs: Sequence[Path]) -> list[tuple[Path, str]]:
    """The files that could not be decoded, or lack what the task reads, each with the reason."""
    ledger = (store.path / "quarantine.jsonl").read_text(encoding="utf-8").splitlines()
    entries = [json.loads(line) for line in ledger]
    silent = [(inputs[int(entry["id"])], str(entry["reason"])) for entry in entries]
    for id, steps in zip(store.ids, payload_lengths(store, task.inputs).tolist()):
        if not steps:
            silent.append((inputs[int(id)], f"no {task.inputs} in it"))
    return silent


def _manifest(inputs: Sequence[Path]) -> Manifest:
    files = [path.resolve() for path in inputs]  # a link may lead out of its own folder
    root = Path(os.path.commonpath([path.parent for path in files]))
    items = [
        Item(str(number), path.relative_to(root).as_posix(), "test")
        for number, path in enumerate(files)
    ]
    return Manifest("inputs", root, tuple(items))
