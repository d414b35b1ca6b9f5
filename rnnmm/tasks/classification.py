"""One class per item: who speaks, what is done."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor

from rnnmm.batch import LabelBatch, Padded
from rnnmm.domain import Probability
from rnnmm.features.backwards import turn_some, turned_classes
from rnnmm.features.mixup import one_hot
from rnnmm.losses import class_loss
from rnnmm.manifest import name_some
from rnnmm.metrics.classification import (
    accuracy,
    class_figures,
    confusion_matrix,
    mean_class_accuracy,
)
from rnnmm.metrics.interval import Tally
from rnnmm.store.reader import Store
from rnnmm.tasks.answers import Answers
from rnnmm.tasks.labelled import Labelled, LabelledTask
from rnnmm.tasks.task import Prediction, References, Score
from rnnmm.text.vocabulary import Vocabulary

_TOP = 5


@dataclass(frozen=True)
class Class(Labelled):
    """The class that a column of the store names.

    Args:
        column: "speaker", or "label" for everything else.
        label_smoothing: probability mass spread over all classes in training, in [0, 1).
        backwards: pairs of classes that become each other when a clip is played backwards, or of
            one name for a class that stays the same; in training half of their clips are.
        num_clips, clip_steps, num_crops, mixup: as in `Labelled`.
    """

    column: Literal["speaker", "label"]
    label_smoothing: Probability = 0.0
    backwards: Sequence[Sequence[str]] = ()

    def references(self, store: Store) -> list[References]:
        """The class of each row; none where the column is empty."""
        return [() if name is None else (name,) for name in store.column(self.column)]

    def learn(self, references: Sequence[References], input_dim: int) -> Answers:
        """The classes that occur; the constant answers are the commonest five.

        Raises:
            ValueError: Fewer than two classes.
        """
        names = [name for names in references for name in names]
        counts = Counter(names)
        if len(counts) < 2:
            raise ValueError(
                f"{self.column}: expected two classes or more in the training split, got "
                f"{name_some(counts)}; nothing can be told apart"
            )
        commonest = sorted(counts, key=lambda name: (-counts[name], name))
        classes = Vocabulary.fit(names, "label")
        turned_classes(self.backwards, classes)  # a wrong name is said before training begins
        return Answers(classes, tuple(commonest[:_TOP]), input_dim)


def label_batch(
    index: Tensor, inputs: Padded, references: Sequence[References], classes: Vocabulary
) -> LabelBatch:
    """Inputs, each with the index of its one reference among the classes."""
    labels = torch.tensor([classes.index(names[0]) for names in references])
    return LabelBatch(index, inputs, labels)


class Classification(LabelledTask):
    """A closed set of classes, one per item."""

    metric = "accuracy"
    is_lower_better = False
    target: Class

    def make_batch(self, index: Tensor, inputs: Padded, references: Sequence[References],
                   epoch: int) -> LabelBatch:  # fmt: skip
        """Class indices as targets."""
        return label_batch(index, inputs, references, self.answers.vocabulary)

    def training_step(self, batch: LabelBatch, batch_idx: int) -> Tensor:  # type: ignore[override]
        """The loss, of clips of which some are played backwards where that is asked for."""
        if self.target.backwards:
            turned = turned_classes(self.target.backwards, self.answers.vocabulary)
            inputs, labels = turn_some(batch.inputs, batch.labels, turned, self._generator)
            batch = batch._replace(inputs=inputs, labels=labels)
        return super().training_step(batch, batch_idx)

    def loss(self, frames: Padded, batch: LabelBatch) -> Tensor:
        """Cross-entropy per item."""
        return class_loss(self.model(frames), batch.labels, self.target.label_smoothing)

    def shares(self, batch: LabelBatch) -> Tensor:
        """All of an item is its class."""
        return one_hot(batch.labels, len(self.answers.vocabulary))

    def predict(self, index: Tensor, inputs: Padded) -> list[Prediction]:
        """The best class and the four behind it."""
        classes = self.answers.vocabulary.symbols
        scores = self.log_probabilities(inputs, partial(torch.log_softmax, dim=1))  # (B, K)
        best, order = scores.topk(min(_TOP, len(classes)), dim=1)  # (B, 5) each
        return [
            Prediction(row, classes[ranks[0]], score, tuple(classes[rank] for rank in ranks))
            for row, score, ranks in zip(index.tolist(), best[:, 0].tolist(), order.tolist())
        ]

    def fault(self, references: References, num_steps: int) -> str | None:
        """A class that training does not know."""
        if self.answers.vocabulary.contains(references[0]):
            return None
        return f"a class unseen in training: {references[0]!r}"

    def score(self, predictions: Sequence[Prediction], references: Sequence[References]) -> Score:
        """Accuracy, top-5, the mean over classes, the confusion matrix and a table of classes.

        A reference outside the known classes counts as wrong: it can never be answered.
        """
        truth = [names[0] for names in references]
        answers = [prediction.hypothesis for prediction in predictions]
        classes = sorted({*self.answers.vocabulary.symbols, *truth})
        top1 = accuracy(truth, answers)
        right = list(map(str.__eq__, truth, answers))
        hits = [name in p.ranking for name, p in zip(truth, predictions)]
        metrics = {
            "accuracy": top1,
            "top1": top1,
            "top5": sum(hits) / len(hits),
            "mean_class_accuracy": mean_class_accuracy(truth, answers),
        }
        matrix = confusion_matrix(truth, answers, classes)
        counts = {"right": sum(right), "classes": classes, "confusion": matrix.tolist(),
                  "per_class": class_figures(classes, matrix)}  # fmt: skip
        tallies = {
            "accuracy": Tally.of_means(right),
            "top1": Tally.of_means(right),
            "top5": Tally.of_means(hits),
        }
        return Score(metrics, self._floors(truth), counts, tallies)

    def detail(self, prediction: Prediction, references: References) -> dict[str, Any]:
        """The five best classes."""
        return {"ranking": list(prediction.ranking)}

    def _floors(self, truth: Sequence[str]) -> dict[str, float]:
        """What always answering the commonest training classes would get."""
        constants = self.answers.constants
        always = [constants[0]] * len(truth)
        top1 = accuracy(truth, always)
        return {
            "accuracy": top1,
            "top1": top1,
            "top5": sum(name in constants for name in truth) / len(truth),
            "mean_class_accuracy": mean_class_accuracy(truth, always),
        }
