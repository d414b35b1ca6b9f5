"""Temporal tagging: what goes on when, in sound or in pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnmm.batch import Padded, TagBatch
from rnnmm.decode.segments import Found, find_segments, tag_frames, united
from rnnmm.domain import Positive
from rnnmm.losses import tag_loss
from rnnmm.manifest import Segment
from rnnmm.metrics.interval import Tally
from rnnmm.metrics.tagging import (
    FrameCounts,
    Grid,
    Timed,
    best_constant,
    clipped,
    count_items,
    detection_tallies,
    frame_tallies,
    mean_average_precision,
    rate,
)
from rnnmm.models.tagger import Tagger, probabilities
from rnnmm.speakers.activity import speech_segments
from rnnmm.store.reader import Store
from rnnmm.tasks.answers import Answers
from rnnmm.tasks.task import Prediction, References, Score, Target, Task, Timeline
from rnnmm.text.segments import read_segments, write_segments
from rnnmm.text.vocabulary import Vocabulary
from rnnmm.units import round_half_up

Baseline = tuple[Segment, ...] | None

_MIN_IOUS = {"map_iou_30": 0.3, "map_iou_50": 0.5, "map_iou_70": 0.7}
_SILENCE = {"detection_error_rate": 1.0, "miss_rate": 1.0, "false_alarm_rate": 0.0}


@dataclass(frozen=True)
class Segments(Target):
    """What goes on when.

    Args:
        input_rate: steps per second of the raw inputs: the sample rate of sound, the frame rate
            of pictures.
        labels: those of interest; none given: all.
        any_as: one label for whatever goes on, such as "speech" where segments are words; None:
            labels stay apart.
    """

    input_rate: Positive
    labels: Sequence[str] = ()
    any_as: str | None = None

    def references(self, store: Store) -> list[References]:
        """The segments of each row, in one line; none where nothing is known of them."""
        return [() if one is None else (self._write(one),) for one in store.segments()]

    def learn(self, references: Sequence[References], input_dim: int) -> Answers:
        """The labels that occur; the constant answer is that nothing does.

        Raises:
            ValueError: No item has a segment.
        """
        lines = [line for lines in references for line in lines]
        names = {segment.label for line in lines for segment in read_segments(line)}
        if not names:
            raise ValueError(
                "segments: expected at least one in the training split, got none; give the "
                "items segments, or set task.target.labels to labels that occur"
            )
        return Answers(Vocabulary.fit(sorted(names), "label"), ("",), input_dim)

    def _write(self, segments: Sequence[Segment]) -> str:
        chosen = [one for one in segments if not self.labels or one.label in self.labels]
        return write_segments(chosen if self.any_as is None else united(chosen, self.any_as))


class Tagging(Task):
    """Labels of frames, learned by binary cross-entropy, and the segments made of them.

    Augmentation must leave the time as it is: no stretching, no speed, no cutting.
    """

    metric = "frame_f1"
    is_lower_better = False
    target: Segments
    model: Tagger

    @property
    def frame_rate(self) -> float:
        """Of the label grid, which is that of the features."""
        return float(self.features.frame_rate(self.target.input_rate))  # type: ignore[operator]

    @property
    def labels(self) -> tuple[str, ...]:
        """What there is to be answered."""
        return self.answers.vocabulary.symbols

    def make_batch(self, index: Tensor, inputs: Padded, references: Sequence[References],
                   epoch: int) -> TagBatch:  # fmt: skip
        """The labels of each frame as targets."""
        rows = [
            self._tags(lines[0], num_steps)
            for lines, num_steps in zip(references, inputs.lengths.tolist())
        ]
        return TagBatch(index, inputs, Padded.stack(rows))

    def loss(self, frames: Padded, batch: TagBatch) -> Tensor:
        """Nats per frame and label.

        Raises:
            ValueError: An augmentation has changed the number of frames.
        """
        if not torch.equal(frames.lengths, batch.tags.lengths):
            raise ValueError(
                f"tagging: expected as many frames as there are labels for, "
                f"{batch.tags.lengths.tolist()}, got {frames.lengths.tolist()}; leave out of "
                f"augment what changes the time, such as TimeStretch, Speed or Segment"
            )
        return tag_loss(self.model(frames), batch.tags)

    def predict(self, index: Tensor, inputs: Padded) -> list[Prediction]:
        """Segments, and the probabilities they come from.

        The score is the mean log-probability of a frame's labels being as they most likely are.
        """
        scores = self.tag(inputs)
        durations_s = (inputs.lengths / self.target.input_rate).tolist()
        return [
            self._predict(*each)
            for each in zip(index.tolist(), scores, durations_s, self._baselines(inputs))
        ]

    def fault(self, references: References, num_steps: int) -> str | None:
        """A label that training does not know."""
        names = {segment.label for segment in read_segments(references[0])}
        strange = sorted(names - set(self.labels))
        return f"labels unseen in training: {', '.join(strange)}" if strange else None

    def score(self, predictions: Sequence[Prediction], references: Sequence[References]) -> Score:
        """Frames tagged right, segments found; of a single label the detection error rate as well.

        Floors are of the best answer that always gives the same labels, chosen on these very
        items; of the detection error rate of silence, where that is better.
        """
        timelines = [one.timeline for one in predictions if one.timeline is not None]
        grids = [Grid(len(one.scores), one.frame_rate) for one in timelines]
        truth = [clipped(read_segments(r[0]), grid) for r, grid in zip(references, grids)]
        labels = sorted({*self.labels, *(one.label for segments in truth for one in segments)})
        count = partial(count_items, truth, grids=grids, labels=labels)
        answer, always = [one.segments for one in timelines], best_constant(truth, grids, labels)
        counts = count(answer)
        tallies = self._tallies(counts)
        floors = _rates(self._tallies(count(always))) | _precisions(truth, always)
        if floors.get("detection_error_rate", 0.0) > 1.0:
            floors |= _SILENCE
        about: dict[str, Any] = {"labels": labels, "frames": asdict(sum(counts, FrameCounts()))}
        about |= {"segments": sum(map(len, truth)), "segments_found": sum(map(len, answer))}
        if plain := [one.baseline for one in timelines if one.baseline is not None]:
            about["energy"] = _rates(self._tallies(count(plain)))
        return Score(_rates(tallies) | _precisions(truth, answer), floors, about, tallies)

    def detail(self, prediction: Prediction, references: References) -> dict[str, Any]:
        """The segments, each with its mean probability."""
        assert prediction.timeline is not None
        names = Found._fields
        rounded = [
            (round(start_s, 3), round(end_s, 3), label, round(score, 6))
            for start_s, end_s, label, score in prediction.timeline.segments
        ]
        return {"segments": [dict(zip(names, one)) for one in rounded]}

    def tag(self, inputs: Padded) -> list[NDArray[np.float32]]:
        """Raw inputs to the probabilities of each row's frames, ``(T, K)``."""
        return probabilities(self.model(self.features(inputs)))

    def _predict(
        self, row: int, scores: NDArray[np.float32], duration_s: float, baseline: Baseline
    ) -> Prediction:
        found = find_segments(scores, self.labels, self.frame_rate, self.model.rule)
        # The last frame of sound may end behind its last sample, or even begin there.
        whole = tuple(
            one._replace(end_s=min(one.end_s, duration_s))
            for one in found
            if one.start_s < duration_s
        )
        text = write_segments(Segment(*one[:3]) for one in whole)
        sure = float(np.log(np.maximum(scores, 1 - scores)).mean())
        return Prediction(row, text, sure, timeline=Timeline(
            self.frame_rate, scores, whole, baseline
        ))  # fmt: skip

    def _baselines(self, inputs: Padded) -> list[Baseline]:
        """Of a single label in sound: where there is energy."""
        if self.inputs != "audio" or len(self.labels) != 1:
            return [None] * len(inputs.lengths)
        (label,), rate_hz = self.labels, round_half_up(self.target.input_rate)
        found = (speech_segments(row.cpu().numpy(), rate_hz) for row in inputs.rows())
        return [tuple(Segment(start, end, label) for start, end in one.tolist()) for one in found]

    def _tags(self, line: str, num_steps: int) -> Tensor:
        num_frames = int(self.features.num_frames(num_steps))  # type: ignore[operator]
        tags = tag_frames(read_segments(line), self.labels, num_frames, self.frame_rate)
        return torch.from_numpy(tags.astype(np.float32))

    def _tallies(self, counts: Sequence[FrameCounts]) -> dict[str, Tally]:
        single = detection_tallies(counts) if len(self.labels) == 1 else {}
        return frame_tallies(counts) | single


def _rates(tallies: Mapping[str, Tally]) -> dict[str, float]:
    return {name: rate(tally) for name, tally in tallies.items()}


def _precisions(truth: Sequence[Timed], answer: Sequence[Sequence[Found]]) -> dict[str, float]:
    each = _MIN_IOUS.items()
    return {name: mean_average_precision(truth, answer, min_iou) for name, min_iou in each}
