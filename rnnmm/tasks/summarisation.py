"""Video summarisation: what is worth seeing, learned from what people chose."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnmm.batch import Padded, TagBatch
from rnnmm.decode.knapsack import choose_shots, covered
from rnnmm.decode.segments import Found
from rnnmm.decode.shots import ShotRule, find_shots
from rnnmm.domain import Fraction, Positive
from rnnmm.manifest import Segment
from rnnmm.metrics.interval import Tally
from rnnmm.metrics.summary import (
    Agreement,
    Over,
    human_agreement,
    mean_agreement,
    rank_correlation,
    summary_f1,
)
from rnnmm.models.summariser import Summariser
from rnnmm.store.reader import Store
from rnnmm.tasks.answers import Answers
from rnnmm.tasks.task import Prediction, References, Score, Target, Task, Timeline
from rnnmm.text.segments import read_segments, write_segments
from rnnmm.text.summaries import is_opinion, read_opinions
from rnnmm.text.vocabulary import Vocabulary
from rnnmm.units import round_half_up

_SHOWN, _LEFT_OUT = "shown", "left out"
_NUM_DRAWS = 20  # of random scores, a video

Spans = NDArray[np.int64]


@dataclass(frozen=True)
class Summaries(Target):
    """What people would keep of each video, as segments say it (`rnnmm.text.summaries`).

    Args:
        input_rate: vectors per second.
        grid_rate: frames per second in which summaries are chosen and compared: those that the
            people saw; None: the vectors.
        share: a summary is at most so much of the video.
        over_users: F1 is the mean over the people, as on TVSum, or the best, as on SumMe.
        shots: how shots are found where the segments name none.
    """

    input_rate: Positive
    grid_rate: Positive | None = None
    share: Fraction = 0.15
    over_users: Over = "mean"
    shots: ShotRule = field(default_factory=ShotRule)

    @property
    def stride(self) -> float:
        """Frames of the grid for each vector."""
        return (self.grid_rate or self.input_rate) / self.input_rate

    def references(self, store: Store) -> list[References]:
        """All opinions on each row, in one line; none where nobody gave any."""
        return [
            (write_segments(one),) if one and any(map(is_opinion, one)) else ()
            for one in store.segments()
        ]

    def learn(self, references: Sequence[References], input_dim: int) -> Answers:
        """Nothing: a frame is shown or left out."""
        return Answers(Vocabulary((_SHOWN,), "label"), ("",), input_dim)


@dataclass(frozen=True)
class Watched:
    """What people said of one video, on the grid of N frames.

    Args:
        users: ``(U, N)`` what each chose.
        importance: ``(N,)`` 0..1.
        shots: ``(I, 2)``; None: not named.
    """

    users: NDArray[np.bool_]
    importance: NDArray[np.float64]
    shots: Spans | None

    @classmethod
    def read(cls, line: str, num_steps: int, target: Summaries) -> "Watched":
        """Opinions on a video of so many vectors; importance is what part of the people chose."""
        opinions = read_opinions(read_segments(line))
        rate = target.grid_rate or target.input_rate
        shots = _on_grid(opinions.shots, rate)
        num_frames = int(shots.max()) if len(shots) else round_half_up(num_steps * target.stride)
        masks = [covered(_on_grid(spans, rate), num_frames) for spans in opinions.users.values()]
        users = np.array(masks, np.bool_).reshape(-1, num_frames)  # (U, N)
        importance = users.mean(axis=0) if len(users) else np.zeros(num_frames)
        for start_s, end_s, value in opinions.importance:
            importance[slice(*_on_grid([(start_s, end_s)], rate)[0])] = value
        return cls(users, importance, shots if len(shots) else None)

    def by_step(self, num_steps: int, stride: float) -> NDArray[np.float64]:
        """``(T,)`` mean importance of each vector's frames; 0 of one that has none."""
        steps = np.minimum(np.arange(len(self.importance)) // stride, num_steps - 1).astype(int)
        totals = np.bincount(steps, self.importance, num_steps)
        return totals / np.maximum(np.bincount(steps, minlength=num_steps), 1)

    def key_steps(self, target: Summaries, num_steps: int) -> NDArray[np.bool_]:
        """``(T,)`` the most important step of each shot of the best summary."""
        worth, stride = self.by_step(num_steps, target.stride), target.stride
        length = max(1, round_half_up(target.shots.mean_s * target.input_rate * stride))
        shots = _whole(len(self.importance), length) if self.shots is None else self.shots
        keys = np.zeros(num_steps, np.bool_)
        for start, end in shots[choose_shots(self.importance, shots, target.share)]:
            first = min(int(start // stride), num_steps - 1)
            last = max(first + 1, math.ceil(end / stride))
            keys[first + int(worth[first:last].argmax())] = True
        return keys


class Summarisation(Task):
    """Scores every frame, finds shots, and packs the best ones into the time there is."""

    metric = "f1"
    is_lower_better = False
    target: Summaries
    model: Summariser

    def make_batch(self, index: Tensor, inputs: Padded, references: Sequence[References],
                   epoch: int) -> TagBatch:  # fmt: skip
        """Importance and key frames as targets."""
        rows = [
            self._targets(lines[0], num_steps)
            for lines, num_steps in zip(references, inputs.lengths.tolist())
        ]
        return TagBatch(index, inputs, Padded.stack(rows))

    def loss(self, frames: Padded, batch: TagBatch) -> Tensor:
        """That of the model.

        Raises:
            ValueError: The features are not of one vector a step.
        """
        if not torch.equal(frames.lengths, batch.tags.lengths):
            raise ValueError(
                f"summarise: expected {batch.tags.lengths.tolist()} frames as in the inputs, got "
                f"{frames.lengths.tolist()}; leave out of features and augment what changes the "
                f"time"
            )
        return self.model.loss(self.model(frames), batch.tags)

    def predict(self, index: Tensor, inputs: Padded) -> list[Prediction]:
        """The shots to show; the score is the log of their mean importance."""
        importance = self.model.importance(self.model(self.features(inputs)))
        rows = [row.detach().double().cpu().numpy() for row in importance.rows()]
        vectors = [row.detach().cpu().numpy() for row in inputs.rows()]
        return [self._predict(*each) for each in zip(index.tolist(), rows, vectors)]

    def fault(self, references: References, num_steps: int) -> str | None:
        """Nothing: a short video is a short lesson."""
        return None

    def score(self, predictions: Sequence[Prediction], references: Sequence[References]) -> Score:
        """F1 against people's summaries, and rank correlation with the importance they gave.

        Where the segments name the shots, the summary is made of these and not of the model's
        own, as published figures are. The floor is of random scores; `counts.human` is how far
        people agree.
        """
        lines = [lines[0] for lines in references]
        told = [_told(one) for one in predictions]
        figures = [self._compare(line, *one) for line, one in zip(lines, told)]
        chance = [_chance(line, self.target, len(s), _key(o)) for line, (s, o) in zip(lines, told)]
        human = mean_agreement([_human(n, self.target, len(s)) for n, (s, _) in zip(lines, told)])
        floors = mean_agreement(chance)._replace(kendall_tau=0.0, spearman_rho=0.0)
        return Score(
            mean_agreement(figures)._asdict(),
            floors._asdict(),
            {"human": human._asdict(), "videos": len(figures)},
            {name: _tally(column) for name, column in zip(Agreement._fields, zip(*figures))},
        )

    def detail(self, prediction: Prediction, references: References) -> dict[str, Any]:
        """The shots to show, with their mean importance, and the importance of every frame."""
        timeline = prediction.timeline
        assert timeline is not None
        shown = [one for one in timeline.segments if one.label == _SHOWN]
        return {
            "shots": [
                {"start_s": round(one.start_s, 3), "end_s": round(one.end_s, 3),
                 "importance": round(one.score, 4)}
                for one in shown
            ],
            "frame_rate": timeline.frame_rate,
            "importance": [round(value, 4) for value in timeline.scores[:, 0].tolist()],
        }  # fmt: skip

    def _targets(self, line: str, num_steps: int) -> Tensor:
        watched = Watched.read(line, num_steps, self.target)
        worth = watched.by_step(num_steps, self.target.stride)
        keys = watched.key_steps(self.target, num_steps)
        return torch.from_numpy(np.stack([worth, keys], axis=1).astype(np.float32))  # (T, 2)

    def _predict(
        self, row: int, importance: NDArray[np.float64], vectors: NDArray[Any]
    ) -> Prediction:
        rate = self.target.input_rate
        shots = find_shots(vectors.reshape(len(vectors), -1), rate, self.target.shots)
        is_shown = choose_shots(importance, shots, self.target.share)
        segments = tuple(
            Found(start / rate, end / rate, _SHOWN if shown else _LEFT_OUT,
                  float(importance[start:end].mean()))
            for (start, end), shown in zip(shots.tolist(), is_shown)
        )  # fmt: skip
        text = write_segments(Segment(*one[:3]) for one in segments if one.label == _SHOWN)
        worth = [one.score for one in segments if one.label == _SHOWN] or [0.0]
        scores = importance[:, None].astype(np.float32)
        return Prediction(row, text, math.log(max(sum(worth) / len(worth), 1e-9)),
                          timeline=Timeline(rate, scores, segments))  # fmt: skip

    def _compare(self, line: str, importance: NDArray[Any], own: Spans) -> Agreement:
        watched = Watched.read(line, len(importance), self.target)
        return _agreement(importance, watched, own, self.target)


def _agreement(
    importance: NDArray[Any], watched: Watched, own: Spans, target: Summaries
) -> Agreement:
    """A video's scores ``(T,)`` against what people said; own: its shots as the model has them."""
    num_frames = len(watched.importance)
    steps = np.minimum(np.arange(num_frames) // target.stride, len(importance) - 1).astype(int)
    frames = importance[steps]  # (N,)
    shots = watched.shots
    if shots is None:
        shots = np.minimum(np.floor(own * target.stride + 0.5).astype(np.int64), num_frames)
    shown = shots[choose_shots(frames, shots, target.share)]
    f1 = summary_f1(covered(shown, num_frames), watched.users, target.over_users)
    worth = watched.by_step(len(importance), target.stride)
    return Agreement(f1, *rank_correlation(importance, worth))


@lru_cache(maxsize=1024)
def _chance(
    line: str, target: Summaries, num_steps: int, own: tuple[tuple[int, int], ...]
) -> Agreement:
    """What random scores reach on average; always the same ones, so asked for once a video."""
    watched, shots = Watched.read(line, num_steps, target), np.array(own, np.int64)
    draws = np.random.default_rng(0).random((_NUM_DRAWS, num_steps))
    return mean_agreement([_agreement(draw, watched, shots, target) for draw in draws])


@lru_cache(maxsize=1024)
def _human(line: str, target: Summaries, num_steps: int) -> Agreement:
    return human_agreement(Watched.read(line, num_steps, target).users, target.over_users)


def _told(prediction: Prediction) -> tuple[NDArray[np.float32], Spans]:
    """Importance ``(T,)`` of each vector, and the model's own shots in vectors."""
    timeline = prediction.timeline
    assert timeline is not None
    return timeline.scores[:, 0], _on_grid(
        [(one.start_s, one.end_s) for one in timeline.segments], timeline.frame_rate
    )


def _key(shots: Spans) -> tuple[tuple[int, int], ...]:
    return tuple((start, end) for start, end in shots.tolist())


def _tally(values: Sequence[float]) -> Tally:
    known = [not math.isnan(value) for value in values]
    return Tally([v if is_known else 0.0 for v, is_known in zip(values, known)], known)


def _on_grid(spans: Sequence[tuple[float, float]], rate: float) -> Spans:
    """Times in seconds -> ``(I, 2)`` frames."""
    return np.floor(np.array(spans, np.float64).reshape(-1, 2) * rate + 0.5).astype(np.int64)


def _whole(num_frames: int, length: int) -> Spans:
    """``(I, 2)`` runs of one length, the last one maybe shorter."""
    starts = np.arange(0, num_frames, length)
    return np.stack([starts, np.minimum(starts + length, num_frames)], axis=1)
