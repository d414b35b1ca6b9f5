"""Anomaly detection: what could not be foretold from what came before, learned without labels."""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnmm.batch import Padded, TagBatch
from rnnmm.decode.segments import Found, SegmentRule, find_segments, tag_frames
from rnnmm.domain import Positive, Probability
from rnnmm.manifest import Segment
from rnnmm.metrics.anomaly import roc_auc
from rnnmm.metrics.interval import Tally
from rnnmm.metrics.tagging import rate
from rnnmm.models.predictor import Predictor
from rnnmm.store.reader import Store
from rnnmm.tasks.answers import Answers
from rnnmm.tasks.task import Answered, Prediction, References, Score, Target, Task, Timeline
from rnnmm.text.segments import read_segments, write_segments
from rnnmm.text.vocabulary import Vocabulary

log = logging.getLogger(__name__)

_ODD = "anomaly"


@dataclass(frozen=True)
class Anomalies(Target):
    """What is out of the ordinary: needed for figures, not for the training.

    Args:
        input_rate: steps per second of the raw inputs.
        labels: segments of these are; any other, and what nothing is known of, is normal.
        quantile: of the normal training frames, this part is let pass as normal afterwards.
        rule: how frames become segments; a frame at the threshold counts as 0.5, one of k times
            the threshold as k / (k + 1).
    """

    input_rate: Positive
    labels: Sequence[str] = ()
    quantile: Probability = 0.99
    rule: SegmentRule = field(default_factory=SegmentRule)

    def references(self, store: Store) -> list[References]:
        """The anomalies of each row, in one line."""
        return [(write_segments(self._odd(one or ())),) for one in store.segments()]

    def learn(self, references: Sequence[References], input_dim: int) -> Answers:
        """Nothing: there is one label, and normally it is not given."""
        return Answers(Vocabulary((_ODD,), "label"), ("",), input_dim)

    def _odd(self, segments: Sequence[Segment]) -> list[Segment]:
        return [one._replace(label=_ODD) for one in segments if one.label in self.labels]


class AnomalyDetection(Task):
    """Learns to foretell normal frames; the error of a frame is how odd it is.

    Training frames within an anomaly are not learned from; better have none among them at all.
    The best epoch is the one that foretells normal validation frames best: labels have no say.
    """

    metric = "prediction_error"
    is_lower_better = True
    target: Anomalies
    model: Predictor

    @property
    def frame_rate(self) -> float:
        """Of the frames that are foretold."""
        return float(self.features.frame_rate(self.target.input_rate))  # type: ignore[operator]

    def make_batch(self, index: Tensor, inputs: Padded, references: Sequence[References],
                   epoch: int) -> TagBatch:  # fmt: skip
        """Which frames are within an anomaly."""
        frames = [int(self.features.num_frames(n)) for n in inputs.lengths.tolist()]  # type: ignore[operator]
        rows = [self._tags(lines[0], n) for lines, n in zip(references, frames)]
        tags = [torch.from_numpy(row.astype(np.float32))[:, None] for row in rows]
        return TagBatch(index, inputs, Padded.stack(tags))

    def loss(self, frames: Padded, batch: TagBatch) -> Tensor:
        """The mean square error of normal frames, in variances of the training.

        Raises:
            ValueError: An augmentation has changed the number of frames.
        """
        if not torch.equal(frames.lengths, batch.tags.lengths):
            raise ValueError(
                f"anomaly: expected {batch.tags.lengths.tolist()} frames as in the inputs, got "
                f"{frames.lengths.tolist()}; leave out of augment what changes the time"
            )
        is_told = (batch.tags.data[..., 0] == 0) & frames.mask
        is_told[:, 0] = False  # nothing comes before the first
        errors = self.model.errors(frames).data[..., 0]
        return (errors * is_told).sum() / is_told.sum().clamp(min=1)

    def predict(self, index: Tensor, inputs: Padded) -> list[Prediction]:
        """The error of every frame, and the segments above the threshold.

        The score is the log of 0.5 where the oddest frame is at the threshold, higher above.
        """
        errors = self.model.errors(self.features(inputs))
        rows = [row.detach().float().cpu().numpy() for row in errors.rows()]
        return [self._predict(*each) for each in zip(index.tolist(), rows)]

    def fault(self, references: References, num_steps: int) -> str | None:
        """Nothing but a single frame, before which nothing comes."""
        num_frames = int(self.features.num_frames(num_steps))  # type: ignore[operator]
        return "a single frame: nothing can be foretold" if num_frames < 2 else None

    def settle(self, answer: Callable[[Literal["train", "val"]], Answered]) -> None:
        """Finds the error that few normal frames of the training exceed."""
        predictions, references = answer("train")
        frames = _Frames.of(predictions, references, self)
        normal = frames.errors[~frames.is_odd, 0]
        threshold = float(np.quantile(normal, self.target.quantile)) if len(normal) else 1.0
        self.model.threshold.fill_(max(threshold, 1e-9))
        log.info("%s: errors above %.4g are out of the ordinary", self.name, threshold)

    def score(self, predictions: Sequence[Prediction], references: Sequence[References]) -> Score:
        """How well normal frames are foretold, and whether odd ones, and odd clips, stand out.

        The error is over that of saying that nothing moves, which is its floor; that of the areas
        is chance. A clip is as odd as its oddest frame. `counts.change` has the areas of mere
        change.
        """
        frames = _Frames.of(predictions, references, self)
        tally = frames.tally()
        return Score(
            {"prediction_error": rate(tally), **frames.areas(0)},
            {"prediction_error": 1.0, "frame_auc": 0.5, "clip_auc": 0.5},
            {"frames": len(frames.errors), "odd_frames": int(frames.is_odd.sum()),
             "odd_clips": int(frames.clip_is_odd.sum()), "change": frames.areas(1),
             "threshold": float(self.model.threshold)},
            {"prediction_error": tally},
        )  # fmt: skip

    def detail(self, prediction: Prediction, references: References) -> dict[str, Any]:
        """The error of every frame, and the segments."""
        timeline = prediction.timeline
        assert timeline is not None
        return {
            "frame_rate": timeline.frame_rate,
            "errors": [round(error, 6) for error in timeline.scores[:, 0].tolist()],
            "segments": [dict(zip(Found._fields, one)) for one in timeline.segments],
        }

    def _predict(self, row: int, errors: NDArray[np.float32]) -> Prediction:
        odds = errors[:, :1] / (errors[:, :1] + float(self.model.threshold))
        found = find_segments(odds, (_ODD,), self.frame_rate, self.target.rule)
        text = write_segments(Segment(*one[:3]) for one in found)
        sure = math.log(max(float(odds.max()), 1e-9))
        return Prediction(row, text, sure, timeline=Timeline(self.frame_rate, errors, found))

    def _tags(self, line: str, num_frames: int) -> NDArray[np.bool_]:
        return tag_frames(read_segments(line), (_ODD,), num_frames, self.frame_rate)[:, 0]


@dataclass(frozen=True)
class _Frames:
    """All foretold frames of a split, one after the other: ``(T, 2)`` errors, ``(T,)`` the rest.

    clip_errors: ``(I, 2)``, clip_is_odd: ``(I,)``.
    """

    errors: NDArray[np.float64]
    is_odd: NDArray[np.bool_]
    clips: NDArray[np.int64]
    clip_errors: NDArray[np.float64]
    clip_is_odd: NDArray[np.bool_]

    @classmethod
    def of(
        cls, predictions: Sequence[Prediction], references: Sequence[References],
        task: AnomalyDetection,
    ) -> "_Frames":  # fmt: skip
        scores = [one.timeline.scores.astype(np.float64) for one in predictions if one.timeline]
        odd = [task._tags(lines[0], len(one)) for lines, one in zip(references, scores)]
        told = [one[1:] for one in scores]
        return cls(
            np.concatenate(told),
            np.concatenate([one[1:] for one in odd]),
            np.repeat(np.arange(len(told)), [len(one) for one in told]),
            np.stack([one.max(axis=0) for one in scores]),
            np.array([one.any() for one in odd]),
        )

    def areas(self, kind: int) -> dict[str, float]:
        """Of errors foretold (0) or of mere change (1)."""
        return {
            "frame_auc": roc_auc(self.errors[:, kind], self.is_odd),
            "clip_auc": roc_auc(self.clip_errors[:, kind], self.clip_is_odd),
        }

    def tally(self) -> Tally:
        """What the normal frames of each clip add to the error, and to that of standing still."""
        size, normal = len(self.clip_is_odd), (~self.is_odd)[:, None] * self.errors
        return Tally(*(np.bincount(self.clips, column, size).tolist() for column in normal.T))
