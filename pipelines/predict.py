"""`rnnmm predict`: the answers of a finished run for files of yours, or the texts it writes."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rnnmm.config import build, value_at
from rnnmm.experiment import load_task
from rnnmm.manifest import count_of
from rnnmm.pipelines.annotate import annotate, check_annotate, overlay
from rnnmm.pipelines.compose import compose_for_run
from rnnmm.pipelines.console import console, logging_to, print_rows
from rnnmm.pipelines.inputs import Inputs, absent_inputs, decoded_inputs, write_answers
from rnnmm.pipelines.writing import check_no_request, parse, write_texts
from rnnmm.store.commit import commit_bytes
from rnnmm.tasks.evaluation import predict_rows
from rnnmm.tasks.recognition import SpeechRecognition
from rnnmm.tasks.task import Task
from rnnmm.text.subtitles import Format, make_cues, write_subtitles
from rnnmm.text.word import Word

REQUIRED = ("inputs",)

# What else can be asked for, what it is called in a row, and what writes it.
_FILMS = (("annotate", "annotated", annotate), ("overlay", "overlay", overlay))
_FILES = ("annotated", "overlay", "subtitles")


def main(words: Sequence[str]) -> int:
    """Prints and writes one answer a file; files without one are named, and the exit code is 1.

    Under `subtitles` it also writes a subtitle file for each answer, of the name of the input;
    under `annotate` and under `overlay` a film. What was written is named last, one path a line.
    Without a single answer nothing is written. The run of a language model has no files to answer
    for: it writes texts.
    """
    request, overrides = parse(words)
    config = compose_for_run(overrides)
    if value_at(config, "task.inputs") == "text":
        with logging_to():
            write_texts(config, request)
        return 0
    check_no_request(request, config["task"]["name"])
    if not config["inputs"]:
        config = compose_for_run(overrides, REQUIRED)  # which stops, and says what is missing
    return answer_files(config)


def answer_files(config: Mapping[str, Any]) -> int:
    """As `main` of a run that reads media."""
    run_dir = Path(config["run"]["dir"])
    out = Path(config["run"]["out"] or run_dir) / "predicted.jsonl"
    with logging_to():
        task = load_task(config, run_dir)
        if config["subtitles"]:
            check_subtitles(task)
        if config["annotate"] or config["overlay"]:
            check_annotate(config, task)
        with decoded_inputs(config, task.inputs) as inputs:
            answers = answer(config, task, inputs, out.parent) if inputs else []
            silent = inputs.silent if inputs else absent_inputs(config)
    if config["subtitles"]:
        answers = with_subtitles(answers, out.parent, config["subtitles"])
    written = [out.parent / row[key] for row in answers for key in _FILES if row.get(key)]
    written += write_answers(out, answers, silent)
    table = [(row["path"], row["hypothesis"], f"{row['score']:.3f}") for row in answers]
    title = f"{task.name}: {count_of(len(answers), 'answer')}"
    print_rows(title, ["file", "answer", "log-probability"], table)
    for path, reason in silent:
        console.print(f"no answer for {path}: {reason}", style="red", markup=False)
    for path in written:
        console.print(str(path), markup=False)
    return 1 if silent else 0


def answer(
    config: Mapping[str, Any], task: Task, inputs: Inputs, folder: Path
) -> list[dict[str, Any]]:
    """The rows of ``predicted.jsonl``, in the order of the inputs; films go into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    predictions = predict_rows(task, inputs.store, inputs.rows, build(config["loader"]))
    rows = [
        {
            "path": str(inputs.paths[prediction.row]),
            "hypothesis": prediction.hypothesis,
            "score": round(prediction.score, 6),
            **task.detail(prediction, ()),
        }
        for prediction in predictions
    ]
    for flag, key, write in _FILMS:
        if config[flag]:
            paths = [folder / name for name in distinct_names(_stems(rows), f"{key}.mp4")]
            written = write(config, task, inputs, predictions, paths)
            named = [path.name if path in written else None for path in paths]
            rows = [{**row, key: name} for row, name in zip(rows, named)]
    return rows


def check_subtitles(task: Task) -> None:
    """Finds out whether a task's answers are words with times.

    Raises:
        ValueError: They are not.
    """
    if not isinstance(task, SpeechRecognition):
        raise ValueError(
            f"subtitles: expected a run whose answers are words with times, got one of task "
            f"{task.name}; leave out subtitles, or give the run of a speech recogniser"
        )
    if math.isnan(task.step_s):
        raise ValueError(
            f"subtitles: expected to know how long a step of {task.inputs} is, got no rate; give "
            f"task.target.input_rate=HZ, such as 100 for features every 10 ms"
        )


def with_subtitles(
    answers: Sequence[Mapping[str, Any]], folder: Path, form: Format
) -> list[dict[str, Any]]:
    """Writes one subtitle file an answer.

    Args:
        answers: rows of ``predicted.jsonl``.
        folder: where the files go.
        form: of the files.

    Returns:
        The rows, each with the name of its file.
    """
    names = distinct_names(_stems(answers), form)
    for row, name in zip(answers, names):
        words = [
            Word(one["word"], one["start_s"], one["end_s"], one["confidence"])
            for one in row["words"]
        ]
        commit_bytes(folder / name, write_subtitles(make_cues(words), form).encode())
    return [{**row, "subtitles": name} for row, name in zip(answers, names)]


def _stems(answers: Sequence[Mapping[str, Any]]) -> list[str]:
    return [Path(row["path"]).stem for row in answers]


def distinct_names(stems: Sequence[str], suffix: str) -> list[str]:
    """File names, none twice: the second "a.srt" is "a.2.srt". Case alone sets none apart.

    Args:
        stems: what each should be called.
        suffix: of all of them, without the dot.
    """
    wanted = {f"{stem}.{suffix}".casefold() for stem in stems}
    taken: set[str] = set()
    names = []
    for stem in stems:
        name, count = f"{stem}.{suffix}", 1
        while name.casefold() in taken or (count > 1 and name.casefold() in wanted):
            count += 1
            name = f"{stem}.{count}.{suffix}"
        taken.add(name.casefold())
        names.append(name)
    return names
