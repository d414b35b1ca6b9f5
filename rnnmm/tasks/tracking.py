"""Visual tracking: where an object goes that was shown once."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnmm.batch import Padded, TagBatch
from rnnmm.domain import Fraction, NotNegative, Positive
from rnnmm.features.box import bounded, move_boxes, moves_between
from rnnmm.metrics.interval import Tally
from rnnmm.metrics.tracking import centre_errors, overlaps, precision, success_auc
from rnnmm.models.tracker import Tracker
from rnnmm.store.reader import Store
from rnnmm.tasks.answers import Answers
from rnnmm.tasks.task import Prediction, References, Score, Target, Task, Timeline
from rnnmm.text.boxes import is_sighting, read_sightings
from rnnmm.text.segments import read_segments, write_segments
from rnnmm.text.vocabulary import Vocabulary

_METRICS = ("mean_iou", "success_auc", "precision_20px")


@dataclass(frozen=True)
class Boxes(Target):
    """Where an object is in each frame, as segments say it (`rnnmm.text.boxes`).

    Frames must show the whole picture, as they do unless they were cropped or padded.

    Args:
        input_rate: frames per second.
        box: left, top, width and height of the object in the first frame of videos of which
            nobody said, as fractions of the picture.
        own: in training, the part of the videos that are followed from the model's own last box,
            as they will be; the others from the true one, pushed a little.
        jitter: how far that is, in widths and heights.
    """

    input_rate: Positive
    box: tuple[Fraction, Fraction, Fraction, Fraction] | None = None
    own: Fraction = 0.5
    jitter: NotNegative = 0.1

    def references(self, store: Store) -> list[References]:
        """The boxes of each row, in one line; none where nobody said."""
        found = [[s for s in one or () if is_sighting(s)] for one in store.segments()]
        return [(write_segments(one),) if one else () for one in found]

    def learn(self, references: Sequence[References], input_dim: int) -> Answers:
        """Nothing: what is asked is never a name."""
        return Answers(Vocabulary(("object",), "label"), ("",), input_dim)


@dataclass(frozen=True, repr=False)
class Shown(Padded):
    """Frames, and where the object is in the first of each.

    Args:
        data, lengths: as in `Padded`.
        first: ``(B, 4)`` left, top, width, height as fractions of the picture; NaN: nobody said.
    """

    first: Tensor


class Track(NamedTuple):
    """What is known of an object: ``(T, 4)`` boxes as fractions of the picture, NaN where nobody
    said; and ``(2,)`` how many pixels wide and high the picture is."""

    boxes: NDArray[np.float64]
    picture_px: NDArray[np.float64]

    @classmethod
    def read(cls, line: str, num_frames: int, frame_rate: float) -> "Track":
        """Of each frame what is said of its middle."""
        boxes, picture_px = np.full((num_frames, 4), np.nan), np.ones(2)
        for start_s, end_s, box, *size in read_sightings(read_segments(line)):
            # A frame's middle is half a frame behind its number.
            first, stop = (math.ceil(time * frame_rate - 0.5 - 1e-6) for time in (start_s, end_s))
            picture_px = np.array(size, np.float64)
            boxes[max(0, first) : max(0, stop)] = np.array(box) / np.tile(picture_px, 2)
        return cls(boxes, picture_px)


class Tracking(Task):
    """Learns to follow from frame to frame, and follows from the first box alone."""

    metric = "success_auc"
    is_lower_better = False
    target: Boxes
    model: Tracker

    def make_batch(self, index: Tensor, inputs: Padded, references: Sequence[References],
                   epoch: int) -> TagBatch:  # fmt: skip
        """The boxes of each frame as targets."""
        rows = [
            torch.from_numpy(self._track(lines[0], n).boxes.astype(np.float32))
            for lines, n in zip(references, inputs.lengths.tolist())
        ]
        return TagBatch(index, inputs, Padded.stack(rows))

    def loss(self, frames: Padded, batch: TagBatch) -> Tensor:
        """How far moves are from the true ones, in sizes of the last box.

        Where it is not known where the object is, nothing is learned, and it is followed on. A box
        from which the object cannot be seen any more is put back: nobody could learn from there.
        """
        truth = batch.tags.data
        is_known = ~truth.isnan().any(dim=2) & frames.mask  # (B, T)
        is_own = torch.rand(len(truth), device=truth.device) < self.target.own
        boxes, state, errors = truth[:, 0], self.model.initial_state(len(truth)), []
        for t in range(1, truth.shape[1]):
            is_told = is_known[:, t - 1] & ~(is_own & self._is_seen(boxes, truth[:, t - 1]))
            boxes = torch.where(is_told[:, None], self._pushed(truth[:, t - 1]), boxes)
            windows = self.model.look(frames.data[:, t - 1], frames.data[:, t], boxes)
            moves, state = self.model.step(windows, state)
            later = torch.where(is_known[:, t, None], truth[:, t], boxes)
            errors.append((moves[:, 0] - moves_between(boxes, later)).abs().sum(dim=1))
            boxes = bounded(move_boxes(boxes, moves[:, 0])).detach()
        mask = is_known[:, 1:]
        return (torch.stack(errors, dim=1) * mask).sum() / mask.sum().clamp(min=1)

    def pose(self, inputs: Padded, references: Sequence[References]) -> Shown:
        """Shows where each object is at first, if that is known."""
        first = [self._track(lines[0] if lines else "", 1).boxes[0] for lines in references]
        boxes = torch.from_numpy(np.stack(first)).float().to(inputs.data.device)
        return Shown(inputs.data, inputs.lengths, boxes)

    def predict(self, index: Tensor, inputs: Padded) -> list[Prediction]:
        """A box for every frame; there is no score.

        Raises:
            ValueError: It is not known where an object is in its first frame.
        """
        tracks = self.model.follow(inputs.data, self._first(inputs))
        rows = [row.detach().cpu().numpy() for row in inputs.with_data(tracks).rows()]
        return [self._predict(*each) for each in zip(index.tolist(), rows)]

    def fault(self, references: References, num_steps: int) -> str | None:
        """Nothing to follow: one frame, or no box in the first."""
        if num_steps < 2:
            return "a single frame: there is nothing to follow"
        is_shown = not np.isnan(self._track(references[0], 1).boxes).any()
        return None if is_shown else "no box in the first frame"

    def score(self, predictions: Sequence[Prediction], references: Sequence[References]) -> Score:
        """Means over objects, without the frames in which they are shown.

        The floor is the first box, kept for ever.
        """
        figures, floors = [], []
        for one, lines in zip(predictions, references):
            assert one.timeline is not None
            answer = one.timeline.scores.astype(np.float64)
            track = self._track(lines[0], len(answer))
            figures.append(_figures(answer, track))
            floors.append(_figures(np.repeat(answer[:1], len(answer), axis=0), track))
        return Score(
            dict(zip(_METRICS, _means(figures))),
            dict(zip(_METRICS, _means(floors))),
            {"objects": len(figures)},
            {name: _tally(column) for name, column in zip(_METRICS, zip(*figures))},
        )

    def detail(self, prediction: Prediction, references: References) -> dict[str, Any]:
        """The boxes, one a frame: left, top, width, height as fractions of the picture."""
        assert prediction.timeline is not None
        rows = prediction.timeline.scores.tolist()
        boxes = [[round(value, 5) for value in row] for row in rows]
        return {"frame_rate": prediction.timeline.frame_rate, "boxes": boxes}

    def _track(self, line: str, num_frames: int) -> Track:
        return Track.read(line, num_frames, self.target.input_rate)

    def _first(self, inputs: Padded) -> Tensor:
        first = inputs.first if isinstance(inputs, Shown) else inputs.data.new_full(
            (len(inputs.lengths), 4), math.nan, dtype=torch.float32
        )  # fmt: skip
        if self.target.box is not None:
            first = torch.where(first.isnan(), first.new_tensor(self.target.box), first)
        if first.isnan().any() or not (first[:, 2:] > 0).all():
            raise ValueError(
                "track: expected to know where the object is in the first frame, got no box; give "
                "task.target.box=[LEFT,TOP,WIDTH,HEIGHT] as fractions of the picture, such as "
                "[0.4,0.3,0.1,0.2]"
            )
        return first

    def _pushed(self, boxes: Tensor) -> Tensor:
        """Boxes as a tracker might have them."""
        push = torch.randn(boxes.shape, device=boxes.device) * self.target.jitter
        push[:, 2:] /= 2  # sizes are off less than places
        return bounded(move_boxes(boxes, push))

    def _is_seen(self, boxes: Tensor, truth: Tensor) -> Tensor:
        """``(B,)`` whether the true middle is well within the window around a box."""
        drift = moves_between(boxes, truth)[:, :2].abs().amax(dim=1)
        return drift < self.model.context / 4

    def _predict(self, row: int, boxes: NDArray[np.float32]) -> Prediction:
        text = "last seen at " + " ".join(f"{value:.3f}" for value in boxes[-1].tolist())
        return Prediction(row, text, math.nan, timeline=Timeline(self.target.input_rate, boxes))


def _figures(answer: NDArray[np.float64], track: Track) -> tuple[float, float, float]:
    """Of one object's answer ``(T, 4)``, in the order of `_METRICS`."""
    overlap = overlaps(answer[1:], track.boxes[1:])
    size = np.tile(track.picture_px, 2)
    errors_px = centre_errors(answer[1:] * size, track.boxes[1:] * size)
    known = overlap[~np.isnan(overlap)]
    mean = float(known.mean()) if len(known) else math.nan
    return mean, success_auc(overlap), precision(errors_px)


def _means(figures: Sequence[tuple[float, ...]]) -> list[float]:
    columns = [[value for value in column if not math.isnan(value)] for column in zip(*figures)]
    return [sum(known) / len(known) if known else math.nan for known in columns]


def _tally(values: Sequence[float]) -> Tally:
    known = [not math.isnan(value) for value in values]
    return Tally([v if is_known else 0.0 for v, is_known in zip(values, known)], known)
