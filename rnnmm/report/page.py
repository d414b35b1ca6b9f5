"""The evaluation page: one HTML file that carries all it shows, without network or script.

The same input gives the same bytes. Everything that comes from data is escaped, and the page's own
content policy forbids the browser to fetch anything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Literal

import jinja2
import numpy as np
from numpy.typing import NDArray

import rnnmm
from rnnmm.metrics.errors import Edit
from rnnmm.report import look, picture, plot, wording
from rnnmm.text.word import Word

MAX_MEDIA_BYTES = 4_500_000  # of sound and pictures, so that a page stays below 5 MB
MAX_MATRIX_CLASSES = 20  # a larger matrix cannot be read: its worst confusions are listed instead


@dataclass(frozen=True, eq=False)
class Example:
    """One item of the evaluation, to be looked at and listened to.

    Args:
        id: the item's.
        reference: the right answer; several are told apart by line breaks.
        hypothesis: the model's answer.
        score: the model's own confidence, None where it has none.
        audio: the sound as the bytes of a WAV file.
        frames: ``(T, H, W, 3)`` uint8, RGB; one frame is a photo, more are a clip.
        frame_rate: of the frames, Hz.
        alignment: how the hypothesis differs from the reference, word by word.
        words: of the hypothesis, with times and confidence.
        looks: where the model looked for each word.

    Raises:
        ValueError: The frames are not ``(T, H, W, 3)`` uint8 with T >= 1.
    """

    id: str
    reference: str
    hypothesis: str
    score: float | None = None
    audio: bytes | None = None
    frames: NDArray[np.uint8] | None = None
    frame_rate: float = 12.5
    alignment: Sequence[Edit] | None = None
    words: Sequence[Word] = ()
    looks: Sequence[look.Look] = ()

    def __post_init__(self) -> None:
        frames = self.frames
        if frames is None:
            return
        if (
            frames.dtype != np.uint8
            or frames.ndim != 4
            or frames.shape[-1] != 3
            or not len(frames)
        ):
            raise ValueError(
                f"example {self.id}: expected frames (T, H, W, 3) uint8 with T >= 1, "
                f"got {frames.shape} {frames.dtype}"
            )


@dataclass(frozen=True, eq=False)
class TaskSummary:
    """What one task's section of the page shows.

    Args:
        name: asr, speaker, action, caption; another name is its own title.
        dataset: where the items come from.
        split: which of its splits was evaluated.
        num_items: how many items were.
        headline: the metric that stands for the task, one of ``metrics``.
        goal: whether the headline is better when lower or when higher.
        metrics: value of each metric; error rates and accuracies are fractions.
        floors: what a model that ignores its input reaches, for any of the metrics.
        ceilings: what one person reaches against the others, for any of the metrics.
        intervals: (low, high) of the 95 % confidence interval, for any of the metrics.
        seconds: wall time of each stage.
        history: one row per epoch: ``epoch`` and any of ``train_loss``, ``val_wer`` ...
        confusion: class names and ``(K, K)`` counts, reference down, hypothesis across.
        det: false-accept and miss rates of the corners of a curve, as `plot.det_chart` takes them.
        classes: a table of each class by itself: its head, then a row a class; none: no table.
        examples: items to show, in this order.
        notes: what a reader must know before believing a number, one sentence each.

    Raises:
        ValueError: The headline is no metric; the confusion matrix does not fit its names.
    """

    name: str
    dataset: str
    split: str
    num_items: int
    headline: str
    goal: Literal["lower", "higher"]
    metrics: Mapping[str, float]
    floors: Mapping[str, float]
    seconds: Mapping[str, float]
    ceilings: Mapping[str, float] = field(default_factory=dict)
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    history: Sequence[Mapping[str, float]] = ()
    confusion: tuple[Sequence[str], NDArray[np.integer]] | None = None
    det: tuple[Sequence[float], Sequence[float]] | None = None
    classes: Sequence[Sequence[str]] = ()
    examples: Sequence[Example] = ()
    notes: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.headline not in self.metrics:
            raise ValueError(
                f"task {self.name}: expected the headline to be one of {sorted(self.metrics)}, "
                f"got {self.headline!r}"
            )
        if self.confusion is None:
            return
        names, matrix = self.confusion
        if matrix.shape != (len(names), len(names)):
            raise ValueError(
                f"task {self.name}: expected a {len(names)} x {len(names)} confusion matrix "
                f"for {len(names)} class names, got {matrix.shape}"
            )

    @property
    def floor(self) -> float | None:
        """The floor of the headline metric, None where there is none."""
        return self.floors.get(self.headline)

    @property
    def beats_floor(self) -> bool:
        """Whether the headline is better than what a model that ignores its input reaches."""
        if self.floor is None:
            return True
        value = self.metrics[self.headline]
        return value < self.floor if self.goal == "lower" else value > self.floor


def write_page(path: Path, title: str, tasks: Sequence[TaskSummary]) -> None:
    """Writes the page; media that would make it too large are left out, and it says so."""
    path.write_bytes(render_page(title, tasks).encode("utf-8", "backslashreplace"))


def render_page(title: str, tasks: Sequence[TaskSummary]) -> str:
    """The page as HTML. Notes that all tasks share stand once, at the top."""
    shared = [note for note in _distinct(tasks) if all(note in task.notes for task in tasks)]
    sections, left_bytes = [], MAX_MEDIA_BYTES
    for index, task in enumerate(tasks):
        examples, used_bytes = _example_views(task.examples, left_bytes // (len(tasks) - index))
        left_bytes -= used_bytes
        sections.append({**_section(task, shared), "examples": examples})
    return _template().render(
        title=title, notes=shared, sections=sections, plot=plot, version=rnnmm.__version__
    )


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_read_beside),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = wording.format_number
    environment.filters["percent"] = lambda share: f"{100 * share:.0f} %"
    return environment.get_template("page.html")


def _read_beside(name: str) -> str:
    return resources.files("rnnmm.report").joinpath(name).read_text(encoding="utf-8")


def _distinct(tasks: Sequence[TaskSummary]) -> list[str]:
    return list(dict.fromkeys(note for task in tasks for note in task.notes))


def _section(task: TaskSummary, shared_notes: Sequence[str]) -> dict[str, object]:
    return {
        "task": task,
        "title": wording.name_task(task.name),
        "headline": _metric_view(task, task.headline),
        "metrics": [_metric_view(task, name) for name in task.metrics],
        "bar": _bar(task),
        "total": wording.format_seconds(sum(task.seconds.values())) if task.seconds else "n/a",
        "seconds": {name: wording.format_seconds(s) for name, s in task.seconds.items()},
        "charts": _charts(task.history),
        "det": plot.det_chart(*task.det) if task.det else None,
        "has_alignment": any(example.alignment is not None for example in task.examples),
        "has_words": any(example.words for example in task.examples),
        "notes": [note for note in task.notes if note not in shared_notes],
        **_confusion_view(task),
    }


def _metric_view(task: TaskSummary, name: str) -> dict[str, str]:
    interval = task.intervals.get(name)
    return {
        "name": wording.name_metric(name),
        "value": wording.format_metric(name, task.metrics[name]),
        "floor": _figure(task.floors, name),
        "ceiling": _figure(task.ceilings, name),
        "interval": "" if interval is None else wording.format_interval(name, *interval),
    }


def _figure(figures: Mapping[str, float], name: str) -> str:
    return wording.format_metric(name, figures[name]) if name in figures else ""


def _bar(task: TaskSummary) -> dict[str, float | None]:
    """Where headline and floor end on a bar from 0 to 1."""
    value, floor = task.metrics[task.headline], task.floor
    known = [abs(number) for number in (value, floor or 0.0) if np.isfinite(number)]
    full = 1.0 if wording.is_percentage(task.headline) else 1.1 * max(known, default=0.0) or 1.0
    return {
        "value": float(np.clip(np.nan_to_num(value) / full, 0, 1)),
        "floor": None if floor is None else float(np.clip(np.nan_to_num(floor) / full, 0, 1)),
    }


def _charts(history: Sequence[Mapping[str, float]]) -> list[dict[str, object]]:
    """One chart per quantity; its curves are the stages (train, val) it was measured in."""
    series: dict[str, dict[str, list[plot.Point]]] = {}
    for row in history:
        for key in row.keys() - {"epoch"}:
            if np.isfinite(row[key]):
                stage, metric = wording.split_stage(key)
                curve = series.setdefault(metric, {}).setdefault(stage, [])
                curve.append((row["epoch"], row[key]))
    return [_chart(metric, curves) for metric, curves in sorted(series.items(), key=_loss_first)]


def _loss_first(entry: tuple[str, object]) -> tuple[bool, str]:
    return entry[0] != "loss", entry[0]


def _chart(metric: str, curves: Mapping[str, Sequence[plot.Point]]) -> dict[str, object]:
    drawn = {stage: curves[stage] for stage in sorted(curves)}
    return {
        "name": wording.name_metric(metric),
        "last": {s: wording.format_metric(metric, points[-1][1]) for s, points in drawn.items()},
        "drawing": plot.line_chart(drawn, lambda y: wording.format_tick(metric, y)),
    }


def _confusion_view(task: TaskSummary) -> dict[str, object]:
    rows = plot.confusion_rows(*task.confusion) if task.confusion else ()
    is_large = len(rows) > MAX_MATRIX_CLASSES
    return {
        "rows": () if is_large else rows,
        "confusions": plot.worst_confusions(rows) if is_large else (),
        "num_classes": len(rows),
    }


def _example_views(
    examples: Sequence[Example], limit_bytes: int
) -> tuple[list[dict[str, object]], int]:
    """What is shown of each example, and how many bytes its media take together."""
    views: list[dict[str, object]] = []
    used_bytes = 0
    for example in examples:
        shown: dict[str, tuple[str, ...]] = {}
        left_out = []
        for name, uris in _media(example).items():
            size_bytes = sum(map(len, uris))
            if used_bytes + size_bytes <= limit_bytes:
                shown[name] = uris
                used_bytes += size_bytes
            else:
                left_out.append(name)
        views.append({"example": example, "left_out": left_out, "media": shown})
    return views, used_bytes


def _media(example: Example) -> dict[str, tuple[str, ...]]:
    """The data addresses of an example's media, the ones to keep longest first."""
    media: dict[str, tuple[str, ...]] = {}
    if example.frames is not None:
        media["pictures"] = picture.strip(example.frames)
    if example.audio is not None:
        media["sound"] = (picture.data_uri("audio/wav", example.audio),)
    if example.frames is not None and look.is_still(example.looks):
        lit = [look.light(example.frames[0], one.weights[0]) for one in example.looks]
        media["attention"] = tuple(lit)
    if example.frames is not None and len(example.frames) > 1:
        media["clip"] = (picture.animate(example.frames, example.frame_rate),)
    return media
