"""`rnnmm predict`: the answers of a finished run for files of yours."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rnnmm.config import build
from rnnmm.experiment import load_task
from rnnmm.manifest import count_of
from rnnmm.pipelines.compose import compose_for_run
from rnnmm.pipelines.console import console, logging_to, print_rows
from rnnmm.pipelines.inputs import Inputs, absent_inputs, decoded_inputs
from rnnmm.result import to_json
from rnnmm.store.commit import commit_bytes
from rnnmm.tasks.evaluation import predict_rows
from rnnmm.tasks.task import Task

REQUIRED = ("inputs",)


def main(overrides: Sequence[str]) -> int:
    """Prints and writes one answer a file; files without one are named, and the exit code is 1."""
    config = compose_for_run(overrides, REQUIRED)
    run_dir = Path(config["run"]["dir"])
    with logging_to():
        task = load_task(config, run_dir)
        with decoded_inputs(config, task.inputs) as inputs:
            answers = answer(config, task, inputs) if inputs else []
            silent = inputs.silent if inputs else absent_inputs(config)
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


def answer(config: Mapping[str, Any], task: Task, inputs: Inputs) -> list[dict[str, Any]]:
    """The rows of ``predicted.jsonl``, in the order of the inputs."""
    return [
        {
            "path": str(inputs.paths[prediction.row]),
            "hypothesis": prediction.hypothesis,
            "score": round(prediction.score, 6),
            **task.detail(prediction, ()),
        }
        for prediction in predict_rows(task, inputs.store, inputs.rows, build(config["loader"]))
    ]
