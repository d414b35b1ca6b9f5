"""Where somebody speaks in a recording of any length, by a trained tagger."""

import numpy as np
import torch
from numpy.typing import NDArray

from rnnmm.batch import Padded
from rnnmm.decode.segments import find_segments
from rnnmm.speakers.activity import Pcm
from rnnmm.tasks.tagging import Tagging
from rnnmm.units import round_half_up

_BLOCK_S = 60.0  # heard at a time, so that memory does not grow with the recording
_CONTEXT_S = 5.0  # heard as well on both sides, for what has to remember or to look ahead


def speech_segments(
    task: Tagging, samples: Pcm, sample_rate: int, label: str | None = None
) -> NDArray[np.float64]:
    """As `rnnmm.speakers.activity.speech_segments`, by what was learned instead of by energy.

    Args:
        task: a trained one that reads sound, see `rnnmm.experiment.load_task`.
        samples: ``(N,)`` int16 PCM, of any length.
        sample_rate: Hz, that of the training.
        label: of those that the task knows; None: the only one.

    Returns:
        ``(I, 2)`` half-open start and end in seconds, in order and apart.

    Raises:
        ValueError: Another sample rate, a label it does not know, or none where it knows several.
    """
    place = _place(task, label)
    if task.inputs != "audio" or sample_rate != task.target.input_rate:
        raise ValueError(
            f"{task.name}: expected a run on sound of {sample_rate} Hz, got one on {task.inputs} "
            f"at {task.target.input_rate:g} steps a second; choose a run trained at that rate"
        )
    if not len(samples):
        return np.zeros((0, 2))
    scores = tag_recording(task, samples)[:, [place]]
    found = find_segments(scores, task.labels[place : place + 1], task.frame_rate, task.model.rule)
    times = np.array([one[:2] for one in found], np.float64).reshape(-1, 2)
    times = np.minimum(times, len(samples) / sample_rate)
    return times[times[:, 0] < times[:, 1]]  # the last frame may begin behind the last sample


def tag_recording(task: Tagging, samples: Pcm) -> NDArray[np.float32]:
    """``(N,)`` PCM, N >= 1 -> ``(T, K)`` probabilities, a minute at a time."""
    hop = task.target.input_rate / task.frame_rate  # samples
    unit = task.model.stride  # a block begins where a step does
    block, context = (unit * round_half_up(s * task.frame_rate / unit)
                      for s in (_BLOCK_S, _CONTEXT_S))  # fmt: skip
    num_frames = int(task.features.num_frames(len(samples)))  # type: ignore[operator]
    parts = [np.zeros((0, len(task.labels)), np.float32)]  # all there is of less than a frame
    for start in range(0, num_frames, block):
        first = max(0, start - context)
        cut = samples[round_half_up(first * hop) : round_half_up((start + block + context) * hop)]
        parts.append(_tag(task, cut)[start - first :][:block])
    return np.concatenate(parts)[:num_frames]


def _tag(task: Tagging, samples: Pcm) -> NDArray[np.float32]:
    data = torch.tensor(samples)[None].to(task.device)
    with torch.inference_mode():
        return task.tag(Padded(data, torch.tensor([len(samples)])))[0]


def _place(task: Tagging, label: str | None) -> int:
    chosen = task.labels[0] if label is None and len(task.labels) == 1 else label
    if chosen not in task.labels:
        raise ValueError(
            f"{task.name}: expected one of the labels {', '.join(task.labels)}, got {label!r}"
        )
    return task.labels.index(chosen)
