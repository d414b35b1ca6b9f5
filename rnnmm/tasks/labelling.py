"""Any number of labels an item: what is to be seen or heard in it, whenever."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from rnnmm.batch import LabelBatch, Padded
from rnnmm.losses import label_loss
from rnnmm.metrics.classification import (
    average_precisions,
    mean_of_known,
    redrawn_precision,
)
from rnnmm.metrics.interval import Tally
from rnnmm.metrics.tagging import FrameCounts, count_frames, rate
from rnnmm.store.reader import Store
from rnnmm.tasks.answers import Answers
from rnnmm.tasks.labelled import Labelled, LabelledTask
from rnnmm.tasks.task import Prediction, References, Score
from rnnmm.text.vocabulary import Vocabulary

_THRESHOLD = 0.5
_TOP = 5


@dataclass(frozen=True)
class Labels(Labelled):
    """The labels that the column "label" of the store names, in any order.

    Args:
        separator: between them.
        num_clips, clip_steps, num_crops, mixup: as in `Labelled`.
    """

    separator: str = "|"

    def references(self, store: Store) -> list[References]:
        """The labels of each row, in one line; none where the column is empty."""
        return [() if one is None else (self.write(self.read(one)),)
                for one in store.column("label")]  # fmt: skip

    def learn(self, references: Sequence[References], input_dim: int) -> Answers:
        """The labels that occur; the constant answer is the one of the best F1.

        Raises:
            ValueError: No item has a label.
        """
        items = [self.read(line) for lines in references for line in lines]
        counts = Counter(name for names in items for name in names)
        if not counts:
            raise ValueError(
                "labels: expected at least one in the training split, got none; give the items "
                f"labels, several as A{self.separator}B"
            )
        constant = self.write(_best_constant(counts, len(items)))
        return Answers(Vocabulary.fit(sorted(counts), "label"), (constant,), input_dim)

    def read(self, line: str) -> list[str]:
        """The labels in a line, each once, in order of the alphabet."""
        return sorted({name.strip() for name in line.split(self.separator)} - {""})

    def write(self, names: Sequence[str]) -> str:
        """Labels in one line, in order of the alphabet."""
        return self.separator.join(sorted(names))


class Labelling(LabelledTask):
    """Labels learned by binary cross-entropy, answered from a probability of .5 on."""

    metric = "map"
    is_lower_better = False
    target: Labels

    @property
    def labels(self) -> tuple[str, ...]:
        """What there is to be answered."""
        return self.answers.vocabulary.symbols

    def make_batch(self, index: Tensor, inputs: Padded, references: Sequence[References],
                   epoch: int) -> LabelBatch:  # fmt: skip
        """``(B, K)`` float32 as targets, 1 where an item carries a label."""
        found = self._matrix([lines[0] for lines in references], self.labels)
        return LabelBatch(index, inputs, torch.from_numpy(found.astype(np.float32)))

    def loss(self, frames: Padded, batch: LabelBatch) -> Tensor:
        """Nats per item and label."""
        return label_loss(self.model(frames), batch.labels)

    def shares(self, batch: LabelBatch) -> Tensor:
        """The targets are shares already."""
        return batch.labels

    def predict(self, index: Tensor, inputs: Padded) -> list[Prediction]:
        """Labels, and the probabilities they come from.

        The score is the mean log-probability of a label being as it most likely is.
        """
        sure = self.log_probabilities(inputs, functional.logsigmoid)  # (B, K)
        chances = sure.detach().exp().cpu().numpy()
        return [self._prediction(*each) for each in zip(index.tolist(), chances)]

    def fault(self, references: References, num_steps: int) -> str | None:
        """A label that training does not know."""
        strange = sorted(set(self.target.read(references[0])) - set(self.labels))
        return f"labels unseen in training: {', '.join(strange)}" if strange else None

    def score(self, predictions: Sequence[Prediction], references: Sequence[References]) -> Score:
        """Mean average precision, F1 over all items and labels, and items that are right whole.

        Floors: scores that do not differ, and the constant answer. A label outside the known ones
        counts, and can never be answered.
        """
        lines = [one[0] for one in references]
        labels = sorted(
            {*self.labels, *(name for line in lines for name in self.target.read(line))}
        )
        truth = self._matrix(lines, labels)
        scores = self._scores(predictions, labels)
        each = average_precisions(truth, scores)
        tallies = self._tallies(truth, [one.hypothesis for one in predictions], labels)
        always = self._tallies(truth, [self.answers.constants[0]] * len(lines), labels)
        floor = mean_of_known(average_precisions(truth, np.zeros_like(scores)))
        counts = {
            "labels": labels,
            "items_with": dict(zip(labels, truth.sum(axis=0).tolist())),
            "average_precision": dict(zip(labels, each)),
        }
        return Score(
            {"map": mean_of_known(each)} | {name: rate(one) for name, one in tallies.items()},
            {"map": floor} | {name: rate(one) for name, one in always.items()},
            counts, tallies, {"map": redrawn_precision(truth, scores)},
        )  # fmt: skip

    def detail(self, prediction: Prediction, references: References) -> dict[str, Any]:
        """The five likeliest labels, each with its probability."""
        assert prediction.scores is not None
        return {"labels": {name: round(float(prediction.scores[self.labels.index(name)]), 6)
                           for name in prediction.ranking}}  # fmt: skip

    def _prediction(self, row: int, chances: NDArray[np.float32]) -> Prediction:
        order = np.argsort(-chances, kind="stable")[:_TOP].tolist()
        found = [name for name, chance in zip(self.labels, chances) if chance >= _THRESHOLD]
        sure = float(np.log(np.maximum(chances, 1 - chances)).mean())
        ranking = tuple(self.labels[place] for place in order)
        return Prediction(row, self.target.write(found), sure, ranking, scores=chances)

    def _matrix(self, lines: Sequence[str], labels: Sequence[str]) -> NDArray[np.bool_]:
        """``(I, K)``: which item carries which of some labels."""
        read = [set(self.target.read(line)) for line in lines]
        found = [[name in names for name in labels] for names in read]
        return np.array(found, np.bool_).reshape(len(lines), len(labels))

    def _scores(
        self, predictions: Sequence[Prediction], labels: Sequence[str]
    ) -> NDArray[np.float32]:
        """``(I, K)``; 0 of a label that cannot be answered."""
        scores = np.zeros((len(predictions), len(labels)), np.float32)
        scores[:, [labels.index(name) for name in self.labels]] = [
            one.scores for one in predictions
        ]
        return scores

    def _tallies(
        self, truth: NDArray[np.bool_], answers: Sequence[str], labels: Sequence[str]
    ) -> dict[str, Tally]:
        answer = self._matrix(answers, labels)
        counts = [count_frames(*pair) for pair in zip(truth, answer)]
        right = (truth == answer).all(axis=1).tolist()
        return {"label_f1": _f1_tally(counts), "exact_match": Tally.of_means(right)}


def _f1_tally(counts: Sequence[FrameCounts]) -> Tally:
    return Tally(
        [2 * one.hits for one in counts],
        [2 * one.hits + one.false + one.missed for one in counts],
    )


def _best_constant(counts: Counter[str], num_items: int) -> list[str]:
    """Of the answers that always name the commonest labels, the one of the best F1."""
    names = sorted(counts, key=lambda name: (-counts[name], name))
    hits = np.cumsum([counts[name] for name in names])
    f1 = 2 * hits / (num_items * np.arange(1, len(names) + 1) + hits[-1])
    return names[: int(f1.argmax()) + 1]
