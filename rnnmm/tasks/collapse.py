"""Recognisers that write nothing, or one thing only: noticed in validation, and explained."""

import logging
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor

from rnnmm.tasks.data import StoreData
from rnnmm.tasks.recognition import SpeechRecognition

log = logging.getLogger(__name__)

_COLLAPSED = 0.9  # of the answers
_PATIENCE_EPOCHS = 5  # CTC begins with a stretch of blanks that is part of learning
_SLOW = 1e-4  # learning rate
_MANY_STEPS = 2000  # of the optimiser, by which CTC has left that stretch on small corpora


@dataclass(frozen=True)
class Sameness:
    """How alike some texts are.

    Args:
        empty: fraction without any symbol.
        repeated: fraction of one symbol, again and again.
        same: fraction that is the most common of those with symbols; 0 where each is of its own.
    """

    empty: float
    repeated: float
    same: float

    @property
    def is_collapsed(self) -> bool:
        """Whether hardly any text says something of its own."""
        return max(self.empty + self.repeated, self.same) >= _COLLAPSED


@dataclass(frozen=True)
class Circumstances:
    """What else is known of a training whose answers have collapsed.

    Args:
        blank: fraction of the steps at which no symbol begins.
        missing: fraction of the references that hold a symbol the vocabulary lacks.
        steps_per_symbol: median over the references, of the steps an answer has.
        feature_mean: of all valid features of a batch.
        feature_deviation: their standard deviation.
        learning_rate: at its highest.
        clipped: fraction of steps with a clipped gradient, in the epoch before.
        num_steps: of the optimiser so far.
    """

    blank: float
    missing: float
    steps_per_symbol: float
    feature_mean: float
    feature_deviation: float
    learning_rate: float
    clipped: float
    num_steps: int


def causes(now: Circumstances) -> list[str]:
    """What has likely made a recogniser's answers collapse, the likeliest first, each with a cure.

    Each cause is as likely as its number is far from where trainings that work have it. Those
    whose number says nothing are left out; one always remains.
    """
    is_slow = now.learning_rate < _SLOW
    found = (
        (_rise(now.missing, 0.02, 0.2),
         f"{now.missing:.0%} of the references hold symbols that the vocabulary lacks: look at "
         f"task.target and its normaliser"),
        (_rise(1 / max(now.steps_per_symbol, 0.01), 0.4, 0.8),
         f"{now.steps_per_symbol:.1f} steps for a symbol are too coarse a grid: lower the "
         f"encoder's strides or take longer units"),
        (max(_rise(abs(math.log10(max(now.feature_deviation, 1e-9))), 0.7, 1.5),
             _rise(abs(now.feature_mean), 3.0, 10.0)),
         f"features of mean {now.feature_mean:.2g} and deviation {now.feature_deviation:.2g} are "
         f"not normalised: add rnnmm.features.normalise to features"),
        (_rise(_SLOW / max(now.learning_rate, 1e-12), 1.0, 10.0),
         f"a learning rate of {now.learning_rate:g} is too low: raise optim.learning_rate"),
        (max(_rise(now.learning_rate, 3e-3, 2e-2), (not is_slow) * _rise(now.clipped, 0.5, 1.5)),
         f"a learning rate of {now.learning_rate:g}, with gradients clipped in {now.clipped:.0%} "
         f"of the steps, is too high: lower optim.learning_rate or lengthen optim.warmup"),
        (_rise(_MANY_STEPS / max(now.num_steps, 1), 1.0, 10.0),
         f"{now.num_steps} steps are few: train for more epochs, or with a smaller "
         f"loader.batch_size"),
    )  # fmt: skip
    ranked = sorted((one for one in found if one[0]), key=lambda one: -one[0])
    return [cause for _, cause in ranked] or [
        "none of the usual causes shows in the numbers: see whether the transcripts belong to "
        "their recordings"
    ]


def warning(answers: Sameness, now: Circumstances, num_epochs: int) -> str:
    """What to say of answers that have been collapsed for so many epochs."""
    listed = "; ".join(f"({n}) {cause}" for n, cause in enumerate(causes(now), 1))
    return (
        f"for {num_epochs} epochs the answers have said nothing: {answers.empty:.0%} are empty, "
        f"{answers.repeated:.0%} repeat one symbol, {answers.same:.0%} are one and the same text, "
        f"and no symbol begins at {now.blank:.0%} of the steps; likely, in this order: {listed}"
    )


def sameness(texts: Sequence[Sequence[int] | str]) -> Sameness:
    """How alike texts are, each a sequence of symbols; there is at least one."""
    counts = Counter(tuple(text) for text in texts)
    repeated = sum(n for text, n in counts.items() if len(text) > 1 and len({*text}) == 1)
    most = max((n for text, n in counts.items() if text), default=0)
    return Sameness(
        empty=counts[()] / len(texts),
        repeated=repeated / len(texts),
        same=most / len(texts) if most > 1 else 0.0,
    )


class CollapseWatch(pl.Callback):
    """Looks at a recogniser's answers in every validation; warns once. Idle in other tasks.

    References that are as alike as such answers call for them: then nothing is said.
    """

    def __init__(self) -> None:
        self._num_epochs = 0  # collapsed ones in a row
        self._is_said = False
        self._features = torch.empty(0)

    def on_validation_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:  # fmt: skip
        is_due = self._num_epochs >= _PATIENCE_EPOCHS - 1 and not self._is_said
        if is_due and batch_idx == 0 and isinstance(pl_module, SpeechRecognition):
            frames = pl_module.features(batch.inputs)
            self._features = frames.data[frames.mask].float()

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not isinstance(pl_module, SpeechRecognition):
            return
        data: StoreData = trainer.datamodule  # type: ignore[attr-defined]
        truth = [data.val.references[row][0] for row in data.val.index]
        symbols = [
            pl_module.answers.vocabulary.encode(p.hypothesis) for p in pl_module.predictions
        ]
        answers = sameness(symbols)
        pl_module.log("val_empty_answers", answers.empty, logger=False)  # for the history
        is_collapsed = answers.is_collapsed and not sameness(truth).is_collapsed
        self._num_epochs = self._num_epochs + 1 if is_collapsed else 0
        if self._num_epochs >= _PATIENCE_EPOCHS and not self._is_said:
            self._is_said = True
            now = _circumstances(trainer, pl_module, symbols, self._features)
            log.warning("%s", warning(answers, now, self._num_epochs))

    def state_dict(self) -> dict[str, Any]:
        return {"num_epochs": self._num_epochs, "is_said": self._is_said}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._num_epochs, self._is_said = state_dict["num_epochs"], state_dict["is_said"]


def _circumstances(
    trainer: pl.Trainer, task: SpeechRecognition, symbols: Sequence[Sequence[int]], frames: Tensor
) -> Circumstances:
    data: StoreData = trainer.datamodule  # type: ignore[attr-defined]
    vocabulary, rows = task.answers.vocabulary, data.val.index
    truth = [data.val.references[row][0] for row in rows]
    num_frames = [task.features.num_frames(int(n)) for n in data.val.lengths]  # type: ignore[operator]
    steps = torch.tensor(num_frames) / task.model.stride
    known = [not vocabulary.missing(text) for text in truth]
    wanted = [len(vocabulary.encode(text)) if is_known else len(text)
              for text, is_known in zip(truth, known)]  # fmt: skip
    return Circumstances(
        blank=1 - min(1.0, sum(map(len, symbols)) / float(steps.sum())),
        missing=1 - sum(known) / len(known),
        steps_per_symbol=float((steps / torch.tensor(wanted).clamp(min=1)).median()),
        feature_mean=float(frames.mean()),
        feature_deviation=float(frames.std()),
        learning_rate=task.optim.learning_rate,
        clipped=float(trainer.callback_metrics.get("grad_clipped", math.nan)),
        num_steps=trainer.global_step,
    )


def _rise(value: float, low: float, high: float) -> float:
    """0 up to ``low``, 1 from ``high`` on; 0 for what is no number."""
    return 0.0 if math.isnan(value) else min(1.0, max(0.0, (value - low) / (high - low)))
