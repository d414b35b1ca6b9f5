"""What every task shares: one path from a batch to loss, and from inputs to predictions.

A task is abstract or final: `Task` below, and one final class per kind of target. Validation,
evaluation and prediction all go through `Task.predict`, so they cannot differ.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import lightning.pytorch as pl
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rnnmm.batch import Batch, Padded
from rnnmm.decode.segments import Found
from rnnmm.loading.gather import Kind
from rnnmm.manifest import Segment
from rnnmm.metrics.interval import Redraw, Tally
from rnnmm.store.reader import Store
from rnnmm.tasks.answers import Answers
from rnnmm.tasks.optimisation import AdamW
from rnnmm.text.word import Word

References = tuple[str, ...]
"""What would be right for one item, normalised: several for captions, none where unknown."""


class Timeline(NamedTuple):
    """What happens when in one item.

    frame_rate: frames per second. scores: ``(T, K)`` of each label in each frame. segments: what
    is answered. baseline: what a rule without a model would answer; None: there is none.
    """

    frame_rate: float
    scores: NDArray[np.float32]
    segments: tuple[Found, ...] = ()
    baseline: tuple[Segment, ...] | None = None


class Prediction(NamedTuple):
    """One item's answer.

    row: of the store. hypothesis: the answer. score: its log-probability.
    ranking: the classes from best to fifth best, for tasks that choose one.
    embedding: ``(D,)``, for tasks that compare items.
    words: of the hypothesis, for tasks that hear them; none where they cannot be told apart.
    nbest: all that was found as (text, log-probability), best first, for tasks that search.
    timeline: for tasks that say what happens when.
    scores: ``(K,)`` of each label, for tasks that give any number of them.
    """

    row: int
    hypothesis: str
    score: float
    ranking: tuple[str, ...] = ()
    embedding: NDArray[np.float32] | None = None
    words: tuple[Word, ...] = ()
    nbest: tuple[tuple[str, float], ...] = ()
    timeline: Timeline | None = None
    scores: NDArray[np.float32] | None = None


Answered = tuple[list[Prediction], list[References]]
"""Predictions and, in the same order, what would have been right."""


class Score(NamedTuple):
    """Figures of one split.

    metrics: fractions by name, NaN where there was nothing to measure. floors: of each metric.
    counts: what is behind them. tallies: what each prediction, in order, adds to those metrics
    that are ratios of sums. redraws: how others come out when units are drawn anew. lists: the
    lines of further files, by name; None: too long, so that none may be left from before.
    """

    metrics: dict[str, float]
    floors: dict[str, float]
    counts: dict[str, Any]
    tallies: Mapping[str, Tally] = MappingProxyType({})
    redraws: Mapping[str, Redraw] = MappingProxyType({})
    lists: Mapping[str, Callable[[], Iterator[str]] | None] = MappingProxyType({})


class Target(ABC):
    """Where the references of a task stand in a store, and what is learned from them."""

    @abstractmethod
    def references(self, store: Store) -> list[References]:
        """The references of every row."""

    @abstractmethod
    def learn(self, references: Sequence[References], input_dim: int) -> Answers:
        """The answers that the references of a training split allow.

        Raises:
            ValueError: There is nothing to learn from.
        """


class Task(pl.LightningModule):
    """Loss, predictions and figures of one kind of target.

    Args:
        name: what results call the task: asr, speaker, action, caption.
        inputs: which payload of the store it reads.
        target: where its references stand.
        features: raw inputs to frames.
        model: frames to scores.
        answers: what may be answered.
        optim: how the model is trained.
        input_augment: in training, on raw inputs: ``(Padded, generator) -> Padded`` each.
        feature_augment: in training, on frames.
        seed: of dropout and augmentation.
    """

    metric: str
    """The figure by which the best epoch is chosen."""
    is_lower_better: bool

    def __init__(  # noqa: PLR0913 the parts of a task, each built elsewhere
        self,
        name: str,
        inputs: Kind,
        target: Target,
        features: nn.Module,
        model: nn.Module,
        answers: Answers,
        optim: AdamW,
        input_augment: Sequence[nn.Module] = (),
        feature_augment: Sequence[nn.Module] = (),
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.name = name
        self.inputs = inputs
        self.target = target
        self.features = features
        self.model = model
        self.answers = answers
        self.optim = optim
        self.input_augment = nn.ModuleList(input_augment)
        self.feature_augment = nn.ModuleList(feature_augment)
        self.seed = seed
        self._generator = torch.Generator()
        self.predictions: list[Prediction] = []

    @abstractmethod
    def make_batch(self, index: Tensor, inputs: Padded, references: Sequence[References],
                   epoch: int) -> Batch:  # fmt: skip
        """Inputs and encoded targets; an item of several references takes turns by epoch."""

    @abstractmethod
    def loss(self, frames: Padded, batch: Any) -> Tensor:
        """A scalar: the mean over valid elements."""

    def pose(self, inputs: Padded, references: Sequence[References]) -> Padded:
        """Raw inputs as `predict` takes them: with what the question tells, if it tells anything.

        Args:
            inputs: of a batch.
            references: of each of its rows; of inputs from elsewhere there are none.
        """
        return inputs

    @abstractmethod
    def predict(self, index: Tensor, inputs: Padded) -> list[Prediction]:
        """Raw inputs to answers: the one path for every use."""

    @abstractmethod
    def fault(self, references: References, num_steps: int) -> str | None:
        """Why an item with so many raw steps cannot be trained on, or None."""

    @abstractmethod
    def score(self, predictions: Sequence[Prediction], references: Sequence[References]) -> Score:
        """Figures of predictions against their references, each with its floor."""

    def validation_score(
        self, predictions: Sequence[Prediction], references: Sequence[References]
    ) -> Score:
        """Figures during training, of which `metric` chooses what is kept: nothing is settled."""
        return self.score(predictions, references)

    def augmented_frames(self, inputs: Padded) -> Padded:
        """Features as training sees them."""
        for augment in self.input_augment:
            inputs = augment(inputs, self._generator)
        frames: Padded = self.features(inputs)
        for augment in self.feature_augment:
            frames = augment(frames, self._generator)
        return frames

    def detail(self, prediction: Prediction, references: References) -> dict[str, Any]:
        """What else a prediction's row in ``predictions.jsonl`` should say."""
        return {}

    def ask(self, ids: Mapping[int, str], references: Mapping[int, References]) -> None:
        """Is told before it answers what it is going to be scored on.

        Args:
            ids: of the items, by row of the store.
            references: likewise.

        Raises:
            ValueError: It cannot be scored as the config wants.
        """
        return None

    def recall(self, references: Sequence[References]) -> None:
        """Is told before it scores what it was trained on, where that is at hand.

        Args:
            references: of the training rows.
        """
        return None

    def settle(self, answer: Callable[[Literal["train", "val"]], Answered]) -> None:
        """Learns what takes a trained model to learn, such as what its scores are worth.

        Args:
            answer: a split; dear, so called where there is need alone.
        """
        return None

    # Lightning's hooks.

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        # All chance in a step is a function of (seed, epoch, step): resuming needs no RNG state.
        self.seed_step(self.current_epoch, batch_idx)
        self.optim.set_rate(self.trainer.optimizers[0], self.progress(batch_idx))

    def progress(self, batch_idx: int) -> float:
        """0..1: the part of the training that is done before a step of the current epoch."""
        epochs = self.current_epoch + batch_idx / max(1, int(self.trainer.num_training_batches))
        return epochs / (self.trainer.max_epochs or 1)

    def seed_step(self, epoch: int, step: int) -> None:
        """Sets all chance (dropout, augmentation) for one training step."""
        key = f"{self.seed}/{epoch}/{step}".encode()
        step_seed = int.from_bytes(hashlib.blake2b(key, digest_size=7).digest(), "big")
        torch.manual_seed(step_seed)
        self._generator.manual_seed(step_seed)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        return self.loss(self.augmented_frames(batch.inputs), batch)

    def on_validation_epoch_start(self) -> None:
        self.predictions = []

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        known = self._validated_against
        inputs = self.pose(batch.inputs, [known[row] for row in batch.rows.tolist()])
        self.predictions += self.predict(batch.rows, inputs)

    def on_validation_epoch_end(self) -> None:
        # Counts of the whole split, never a mean over batches.
        known = self._validated_against
        score = self.validation_score(self.predictions, [known[p.row] for p in self.predictions])
        self.log_dict({f"val_{name}": value for name, value in score.metrics.items()})

    @property
    def _validated_against(self) -> Sequence[References]:
        """Of every row of the store."""
        return self.trainer.datamodule.val.references  # type: ignore[attr-defined, no-any-return]

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return self.optim.make(self.named_parameters())


def count_parameters(module: nn.Module) -> int:
    """Trainable numbers of a module."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)
