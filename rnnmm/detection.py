"""Where somebody speaks, by a finished run: a setting for whatever cuts long recordings."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rnnmm.domain import Folder
from rnnmm.experiment import load_task
from rnnmm.run import read_config
from rnnmm.speakers.activity import Pcm
from rnnmm.tasks.activity import speech_segments
from rnnmm.tasks.tagging import Tagging


class LearnedActivity:
    """A detector of speech that was trained, such as by ``experiment=grid_activity``.

    As a setting: ``task.target.long_audio.detect={_target_: rnnmm.detection.LearnedActivity,
    run: PATH}``.

    Args:
        run: of task=activity or task=tagging, on sound.
        label: of speech, where the run knows several labels.

    Raises:
        ValueError: It is no such run.
    """

    def __init__(self, run: Folder, label: str | None = None) -> None:
        task = load_task(read_config(Path(run)), Path(run))
        if not isinstance(task, Tagging):
            raise ValueError(f"{run}: expected a run of task=activity or tagging, got {task.name}")
        self.task = task
        self.label = label

    def __call__(self, samples: Pcm, sample_rate: int) -> NDArray[np.float64]:
        """PCM ``(N,)`` int16 -> ``(I, 2)`` seconds of speech.

        Raises:
            ValueError: Another sample rate than the run's.
        """
        return speech_segments(self.task, samples, sample_rate, self.label)
