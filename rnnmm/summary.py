"""From evaluations to a page: their figures, and a few items to look at and listen to."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from rnnmm.loading.gather import gather
from rnnmm.metrics.errors import Edit
from rnnmm.report.look import Look
from rnnmm.report.page import Example, TaskSummary, write_page
from rnnmm.result import Evaluation
from rnnmm.store.reader import Store
from rnnmm.tasks.captioning import Captioning
from rnnmm.tasks.task import Prediction

_NUM_EXAMPLES = 6
_LONGEST_S = 60.0  # of sound in the page


def write_report(path: Path, title: str, evaluations: Sequence[tuple[Evaluation, Path]]) -> None:
    """Writes one page for one or more evaluations.

    Args:
        path: of the HTML file.
        title: its heading.
        evaluations: each with its run's folder, whose ``history.csv`` gives the learning curve.
    """
    write_page(path, title, [summarise(evaluation, run) for evaluation, run in evaluations])


def summarise(evaluation: Evaluation, run_dir: Path) -> TaskSummary:
    """What the page shows of one evaluation: examples are half wrong answers, half right ones."""
    figures = evaluation.metrics()
    counts, task = figures["counts"], evaluation.task
    matrix = None
    if "confusion" in counts:
        matrix = (counts["classes"], np.asarray(counts["confusion"], dtype=np.int64))
    return TaskSummary(
        name=task.name,
        dataset=figures["dataset"],
        split=evaluation.split,
        num_items=len(evaluation.rows),
        headline=task.metric,
        goal="lower" if task.is_lower_better else "higher",
        metrics=figures["metrics"],
        floors=figures["floors"],
        ceilings=counts.get("ceilings", {}),
        intervals=evaluation.intervals,
        seconds=figures["seconds"],
        history=_read_history(run_dir / "history.csv", task.metric),
        confusion=matrix,
        det=tuple(counts["det"].values()) if "det" in counts else None,
        classes=_class_table(counts),
        examples=_examples(evaluation),
        notes=counts["findings"],
    )


def _examples(evaluation: Evaluation) -> list[Example]:
    """The first wrong and the first right answers, in order, as many of each as there are.

    None where pairs are what is answered: an item alone is neither right nor wrong.
    """
    if any(prediction.embedding is not None for prediction in evaluation.predictions):
        return []
    references = evaluation.rows.references
    wrong = [p for p in evaluation.predictions if p.hypothesis not in references[p.row]]
    right = [p for p in evaluation.predictions if p.hypothesis in references[p.row]]
    half = _NUM_EXAMPLES // 2
    chosen = wrong[: max(half, _NUM_EXAMPLES - len(right))]
    chosen += right[: _NUM_EXAMPLES - len(chosen)]
    store = evaluation.store
    return [
        Example(
            id=store.ids[p.row],
            reference="\n".join(references[p.row]),
            hypothesis=p.hypothesis,
            score=p.score,
            audio=_wav(store, p.row),
            frames=_frames(store, p.row),
            frame_rate=float(store.info["decoding"]["frame_rate"] or 1.0),
            alignment=_alignment(evaluation.task.detail(p, references[p.row])),
            words=p.words,
            looks=_looks(evaluation, p),
        )
        for p in chosen
    ]


def _class_table(counts: Mapping[str, Any]) -> list[list[str]]:
    """Of one class an item recall and precision, of any number of labels average precision."""
    if "per_class" in counts:
        head = ["Class", "Items", "Answers", "Recall", "Precision"]
        rows = [[name, *one.values()] for name, one in counts["per_class"].items()]
    elif "average_precision" in counts:
        head = ["Label", "Items", "Average precision"]
        found = counts["average_precision"].items()
        rows = [[name, counts["items_with"][name], value] for name, value in found]
    else:
        return []
    return [head, *([_cell(value) for value in row] for row in rows)]


def _cell(value: str | int | float | None) -> str:
    if value is None or value != value:
        return "n/a"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _looks(evaluation: Evaluation, prediction: Prediction) -> list[Look]:
    """Where a captioner looked for each word of its answer; nothing of what does not look."""
    task = evaluation.task
    if not isinstance(task, Captioning):
        return []
    inputs = gather(evaluation.store, [prediction.row], task.inputs).to(task.device)
    weights = task.attention(inputs, prediction.hypothesis).numpy()  # (U + 1, T, g, g)
    words = [*prediction.hypothesis.split(), ""]
    return [Look(*pair) for pair in zip(words, weights)] if weights.any() else []


def _wav(store: Store, row: int) -> bytes | None:
    rate = int(store.info["decoding"]["sample_rate"] or 0)
    if not 0 < store.num_samples[row] <= _LONGEST_S * rate:
        return None
    buffer = io.BytesIO()
    soundfile.write(buffer, store.audio(row), rate, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


def _frames(store: Store, row: int) -> NDArray[np.uint8] | None:
    return store.frames(row) if store.num_frames[row] else None


def _alignment(detail: dict[str, Any]) -> list[Edit] | None:
    edits = detail.get("alignment")
    return None if edits is None else [Edit(*edit) for edit in edits]


def _read_history(path: Path, metric: str) -> list[dict[str, float]]:
    """Epoch, loss and headline of every epoch; nothing where training left no history."""
    if not path.is_file():
        return []
    shown = ("epoch", "train_loss", f"val_{metric}")
    with path.open(newline="") as file:
        return [{name: float(row[name]) for name in shown} for row in csv.DictReader(file)]
