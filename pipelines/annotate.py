"""Films of what `rnnmm predict` has answered, one beside the answers for each input."""

import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnmm.config import build
from rnnmm.loading.gather import gather, parts, payload_lengths
from rnnmm.manifest import count_of
from rnnmm.media.decode import Decoding
from rnnmm.media.footage import Footage, open_footage
from rnnmm.media.frame import Geometry, find_extent
from rnnmm.media.limits import Span
from rnnmm.media.playback import open_playback
from rnnmm.media.write import write_film
from rnnmm.pipelines.inputs import Inputs
from rnnmm.report.overlay import Panel, Track, boxed, heated
from rnnmm.store.commit import commit
from rnnmm.tasks.labelling import Labelling
from rnnmm.tasks.saliency import saliency
from rnnmm.tasks.task import Prediction, Task
from rnnmm.tasks.tracking import Tracking

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Drawing:
    """What is drawn for an answer, and how the frames that it is of lie on the pictures.

    Args:
        prediction: the answer.
        lines: the same in text.
        frame_rate: of the model's frames.
        count: T, how many these are.
        geometry: of them.
        has_boxes: the scores of the answer's timeline are boxes ``(T, 4)``.
        weights: ``(T, h, w)`` of `saliency`; None: nobody asked.
    """

    prediction: Prediction
    lines: Sequence[str]
    frame_rate: float
    count: int
    geometry: Geometry
    has_boxes: bool
    weights: NDArray[np.float32] | None = None


def check_annotate(config: Mapping[str, Any], task: Task) -> None:
    """Finds out whether there are pictures to draw on.

    Raises:
        ValueError: The run reads none; or it reads something else of them than frames, where
            what has moved its answer is to be shown.
    """
    _pictures(config, task)
    if config["overlay"] and task.inputs != "frames":
        raise ValueError(
            f"overlay: expected a run that reads frames, got one on {task.inputs}; leave out "
            f"overlay, annotate=true alone can be had"
        )


def annotate(
    config: Mapping[str, Any],
    task: Task,
    inputs: Inputs,
    predictions: Sequence[Prediction],
    paths: Sequence[Path],
) -> list[Path]:
    """Writes a film for each answer to an input that has pictures.

    It shows the input itself, with its sound. Below it stand the answer and, where the task says
    what goes on when, a track for each label; boxes are drawn where they are.

    Args:
        config: of the finished run.
        task: that answered.
        inputs: the files.
        predictions: in any order.
        paths: of the films, one for each prediction.

    Returns:
        Those that were written; a warning names each other input that has pictures.
    """

    def draw(prediction: Prediction, count: int) -> Drawing:
        return _drawing(config, task, prediction, count)

    return _write_films(config, task, inputs, draw, dict(zip(paths, predictions, strict=True)))


def overlay(
    config: Mapping[str, Any],
    task: Task,
    inputs: Inputs,
    predictions: Sequence[Prediction],
    paths: Sequence[Path],
) -> list[Path]:
    """The films of `annotate`, with what has moved the answer coloured and a curve of how much
    each frame has; the same arguments and result."""

    def draw(prediction: Prediction, count: int) -> Drawing:
        raw = gather(inputs.store, [prediction.row], task.inputs).to(task.device)
        weights = saliency(task, raw, prediction)
        return replace(_drawing(config, task, prediction, count), weights=weights)

    return _write_films(config, task, inputs, draw, dict(zip(paths, predictions, strict=True)))


def describe(task: Task, prediction: Prediction) -> list[str]:
    """An answer in lines of text, with probabilities where there are."""
    if isinstance(task, Labelling):
        likeliest = task.detail(prediction, ())["labels"].items()
        return [f"{name} {chance:.2f}" for name, chance in likeliest]
    if prediction.timeline is not None:
        return [f"{task.name}: {count_of(len(prediction.timeline.segments), 'segment')}"]
    if prediction.ranking:
        return [f"{prediction.hypothesis} {math.exp(prediction.score):.2f}"]
    return [prediction.hypothesis]


def make_tracks(
    prediction: Prediction, duration_s: float, weights: NDArray[np.float32] | None
) -> list[Track]:
    """A track for each label that was found, and one of how much each frame has moved the answer.

    Args:
        prediction: of an item.
        duration_s: of that.
        weights: ``(T, h, w)`` of `saliency`; None: nobody asked.
    """
    found = prediction.timeline.segments if prediction.timeline is not None else ()
    tracks = []
    for name in sorted({one.label for one in found}):
        own = [one for one in found if one.label == name]
        spans = [(one.start_s / duration_s, one.end_s / duration_s) for one in own]
        tracks.append(Track(f"{name} {max(one.score for one in own):.2f}", spans))
    if weights is not None:
        moved = weights.mean(axis=(1, 2))
        tracks.append(Track("", values=(moved / max(float(moved.max()), 1e-12)).tolist()))
    return tracks


def drawn(footage: Footage, drawing: Drawing) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """The pictures with what is drawn on and below them, at the same times.

    Args:
        footage: as it is.
        drawing: what for.
    """
    prediction, rate, panel = drawing.prediction, drawing.frame_rate, None
    # One frame says nothing of how long it lasts.
    item_s = footage.end_s if drawing.count > 1 else drawing.count / rate
    boxes = prediction.timeline.scores if drawing.has_boxes and prediction.timeline else None
    for time_s, frame in footage.pictures:
        if panel is None:
            extent = find_extent(frame.shape[0], frame.shape[1], drawing.geometry)
            tracks = make_tracks(prediction, item_s, drawing.weights)
            panel = Panel(frame.shape[1], drawing.lines, tracks)
        if drawing.weights is not None:
            # Their root: one frame that counts most would leave the others dark.
            frame = heated(frame, np.sqrt(between(drawing.weights, time_s * rate)), extent)
        if boxes is not None:
            frame = boxed(frame, between(boxes, time_s * rate), extent)
        yield time_s, np.concatenate([frame, panel.at(min(1.0, time_s / footage.end_s))])


def between(values: NDArray[np.float32], place: float) -> NDArray[np.float32]:
    """What holds between two frames, in proportion; at the ends, the first and the last.

    Args:
        values: ``(T, ...)``, one for each frame.
        place: in frames, >= 0.

    Returns:
        ``(...)``.
    """
    first = min(int(place), len(values) - 1)
    share = np.float32(place - first if first + 1 < len(values) else 0.0)
    after: NDArray[np.float32] = values[min(first + 1, len(values) - 1)]
    mixed: NDArray[np.float32] = (1 - share) * values[first] + share * after
    return mixed


def _write_films(
    config: Mapping[str, Any],
    task: Task,
    inputs: Inputs,
    draw: Callable[[Prediction, int], Drawing],
    wanted: Mapping[Path, Prediction],
) -> list[Path]:
    lengths = payload_lengths(inputs.store, _pictures(config, task))
    decoding: Decoding = build(config["preprocess"]["decoding"])
    written = []
    for path, prediction in wanted.items():
        if not lengths[prediction.row]:
            continue
        source = inputs.paths[prediction.row]
        drawing = draw(prediction, int(lengths[prediction.row]))
        try:
            _write_one(source, decoding, drawing, path)
        except ValueError as error:
            log.warning("no film of %s: %s", source, error)
            continue
        written.append(path)
    return written


def _write_one(source: Path, decoding: Decoding, drawing: Drawing, path: Path) -> None:
    span = Span(max_duration_s=decoding.max_duration_s)
    with (
        open_footage(source, span, decoding.max_pixels) as footage,
        open_playback(source, footage.start_s) as playback,
    ):
        film = footage._replace(pictures=drawn(footage, drawing))
        commit(path, partial(write_film, footage=film, playback=playback))


def _drawing(config: Mapping[str, Any], task: Task, prediction: Prediction, count: int) -> Drawing:
    decoding: Decoding = build(config["preprocess"]["decoding"])
    assert decoding.frame_rate is not None
    geometry = Geometry(decoding.height, decoding.width, decoding.fit)
    lines, has_boxes = describe(task, prediction), isinstance(task, Tracking)
    return Drawing(prediction, lines, decoding.frame_rate, count, geometry, has_boxes)


def _pictures(config: Mapping[str, Any], task: Task) -> str:
    """The payload that counts the frames a task reads, itself or through `rnnmm.embed`."""
    if "frames" in parts(task.inputs):
        return "frames"
    if config.get("embed") and task.inputs == "features":
        return "features"
    raise ValueError(
        f"annotate: expected a run that reads pictures, got one of task {task.name} on "
        f"{task.inputs}; leave out annotate and overlay"
    )
