"""What tasks share that label whole items: several looks in testing, MixUp in training."""

import math
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from rnnmm.batch import LabelBatch, Padded
from rnnmm.domain import NotNegative, Size
from rnnmm.features.mixup import draw_mixing
from rnnmm.features.view import make_views
from rnnmm.tasks.task import Target, Task


@dataclass(frozen=True, kw_only=True)
class Labelled(Target):
    """Labels of an item as a whole.

    Args:
        num_clips: in testing, clips of each item, evenly from its start to its end.
        clip_steps: of a clip, in raw steps (frames, samples); None: the whole item.
        num_crops: in testing, of each picture: 1, the whole, or 3, its left, centre and right.
        mixup: alpha of MixUp in training; 0: none.
    """

    num_clips: Size = 1
    clip_steps: Size | None = None
    num_crops: Literal[1, 3] = 1
    mixup: NotNegative = 0.0


class LabelledTask(Task):
    """Loss and answers of one vector of scores an item."""

    target: Labelled

    @abstractmethod
    def shares(self, batch: LabelBatch) -> Tensor:
        """The targets as ``(B, K)`` float32 that can be mixed."""

    def training_step(self, batch: LabelBatch, batch_idx: int) -> Tensor:  # type: ignore[override]
        """The loss, of mixed items where that is asked for."""
        frames = self.augmented_frames(batch.inputs)
        if self.target.mixup:
            mixing = draw_mixing(len(frames.lengths), self.target.mixup, self._generator)
            frames = mixing.frames(frames)
            batch = batch._replace(labels=mixing.targets(self.shares(batch)))
        return self.loss(frames, batch)

    def log_probabilities(self, inputs: Padded, scale: Callable[[Tensor], Tensor]) -> Tensor:
        """Raw inputs to log-probabilities of items: of their mean over clips and crops.

        Probabilities are averaged, not their logarithms, so that a clip in which nothing can be
        seen does not outweigh one that is sure.

        Args:
            inputs: raw.
            scale: ``(B, K)`` scores to log-probabilities.

        Returns:
            ``(B, K)``; every item once.
        """
        target = self.target
        views = make_views(target.num_clips, target.clip_steps, target.num_crops)
        seen = [scale(self.model(self.features(view.of(inputs))).float()) for view in views]
        return torch.stack(seen).logsumexp(dim=0) - math.log(len(seen))
