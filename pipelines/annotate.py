"""Films of what `rnnmm predict` has answered, one beside the answers for each input."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnmm.config import build
from rnnmm.loading.gather import gather, parts, payload_lengths
from rnnmm.manifest import count_of
from rnnmm.media.decode import Decoding, decode
from rnnmm.media.write import write_film
from rnnmm.pipelines.inputs import Inputs
from rnnmm.report.overlay import Panel, Track, heated
from rnnmm.store.commit import commit
from rnnmm.tasks.labelling import Labelling
from rnnmm.tasks.saliency import saliency
from rnnmm.tasks.task import Prediction, Task
from rnnmm.units import round_half_up

SUFFIX = "annotated.mp4"

_LEAST_WIDTH_PX = 480
_AT_A_TIME = 256  # frames
_STILL_S = 3.0  # a photo is shown


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

    It shows what the model saw, as often, but from the file and at least 480 pixels wide. Below
    it stand the answer and, where the task says what goes on when, a track for each label. Under
    ``overlay`` what has moved the answer is coloured, and a curve says how much each frame has.

    Args:
        config: of the finished run.
        task: that answered.
        inputs: the files.
        predictions: in any order.
        paths: of the films, one for each prediction.

    Returns:
        Those that were written.
    """
    lengths = payload_lengths(inputs.store, _pictures(config, task))
    wanted = [
        (one, path) for one, path in zip(predictions, paths, strict=True) if lengths[one.row]
    ]
    for prediction, path in wanted:
        weights = None
        if config["overlay"]:
            raw = gather(inputs.store, [prediction.row], task.inputs).to(task.device)
            weights = saliency(task, raw, prediction)
        decoding: Decoding = build(config["preprocess"]["decoding"])
        frames = shown_frames(inputs.paths[prediction.row], decoding, int(lengths[prediction.row]))
        film = _film(frames, int(lengths[prediction.row]), decoding, task, prediction, weights)
        commit(path, partial(write_film, frames=film, frame_rate=_rate(decoding)))
    return [path for _, path in wanted]


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


def shown_frames(path: Path, decoding: Decoding, count: int) -> Iterator[NDArray[np.uint8]]:
    """Frames of a file at the times of those in the store, larger; a photo stays for a while.

    Args:
        path: of the file.
        decoding: by which the store was made.
        count: T frames of the item there.

    Yields:
        ``(H, W, 3)`` uint8, RGB, H and W even.
    """
    width = max(_LEAST_WIDTH_PX, decoding.width)
    height = round_half_up(decoding.height * width / decoding.width)
    even = replace(decoding, sample_rate=None, frames="raw", height=height + height % 2,
                   width=width + width % 2)  # fmt: skip
    rate = _rate(decoding)
    for first in range(0, count, _AT_A_TIME):
        last = first + _AT_A_TIME
        frames = decode(path, even, first / rate, last / rate if last < count else None).frames
        assert frames is not None
        yield from frames[: count - first]
        if count == 1:
            yield from repeat(frames[0], round_half_up(_STILL_S * rate) - 1)


def _film(
    frames: Iterator[NDArray[np.uint8]],
    count: int,
    decoding: Decoding,
    task: Task,
    prediction: Prediction,
    weights: NDArray[np.float32] | None,
) -> Iterator[NDArray[np.uint8]]:
    panel = None
    for place, frame in enumerate(frames):
        if panel is None:
            tracks = make_tracks(prediction, count / _rate(decoding), weights)
            panel = Panel(frame.shape[1], describe(task, prediction), tracks)
        if weights is not None:
            # Their root: one frame that counts most would leave the others dark.
            frame = heated(frame, np.sqrt(weights[min(place, len(weights) - 1)]))
        yield np.concatenate([frame, panel.at(min(1.0, place / count))])


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


def _rate(decoding: Decoding) -> float:
    assert decoding.frame_rate is not None
    return decoding.frame_rate
