"""Speaker verification: do two recordings come from one person, known in training or not?"""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnmm.batch import LabelBatch, Padded
from rnnmm.domain import Fraction, Range
from rnnmm.features.augment_audio import Speed
from rnnmm.metrics.interval import Redraw
from rnnmm.metrics.verification import Scores, cllr, eer, min_cllr, min_dcf
from rnnmm.speakers.calibration import Calibration, fit_calibration, is_told_apart
from rnnmm.speakers.scoring import Matrix, unit
from rnnmm.speakers.trials import sample_pairs
from rnnmm.speakers.whitening import fit_whitening
from rnnmm.store.reader import Store
from rnnmm.tasks.answers import Answers
from rnnmm.tasks.classification import label_batch
from rnnmm.tasks.task import Answered, Prediction, References, Score, Target, Task
from rnnmm.text.vocabulary import Vocabulary

log = logging.getLogger(__name__)

_TOP = 5
_MOST_PAIRS = 1_000_000  # of one speaker, and of two, that figures are taken from
_BLOCK = 4096
_MOST_REDRAWN = 50_000  # trials of a kind that an interval looks at: each is scored a thousandfold
_FLOORS = {"eer": 0.5, "min_dcf_01": 1.0, "min_dcf_001": 1.0, "cllr": 1.0, "min_cllr": 1.0}


@dataclass(frozen=True)
class Speaker(Target):
    """Who speaks.

    Args:
        speeds: rates besides 1 at which, in training, each voice is heard as well and counts as
            another speaker: a voice played faster is higher. Sound only.
        shrinkage: of the whitening that is found after the training, see
            `rnnmm.speakers.whitening`; 1: embeddings are centred on the training mean, no more.
    """

    speeds: Sequence[Annotated[float, Range(0.5, 2.0)]] = ()
    shrinkage: Fraction = 0.3

    def references(self, store: Store) -> list[References]:
        """The speaker of each row; none where the column is empty."""
        return [() if name is None else (name,) for name in store.column("speaker")]

    def learn(self, references: Sequence[References], input_dim: int) -> Answers:
        """The speakers, then the same at each of the other speeds.

        Raises:
            ValueError: Fewer than two speakers.
        """
        names = sorted({name for names in references for name in names})
        if len(names) < 2:
            raise ValueError(
                f"speakers: expected two or more in the training split, got {len(names)}; "
                f"nothing can be told apart"
            )
        altered = [f"{name} x {rate:g}" for rate in self.speeds for name in names]
        vocabulary = Vocabulary((*names, *altered), "label")
        return Answers(vocabulary, tuple(names[:_TOP]), input_dim)


class SpeakerVerification(Task):
    """Embeddings, learned by telling training speakers apart, compared in pairs by cosine.

    An item's own answer is the most similar training speaker. The figures are of all pairs of the
    split, or of a million of either kind.
    """

    metric = "eer"
    is_lower_better = True
    target: Speaker

    def make_batch(self, index: Tensor, inputs: Padded, references: Sequence[References],
                   epoch: int) -> LabelBatch:  # fmt: skip
        """Speaker indices as targets."""
        return label_batch(index, inputs, references, self.answers.vocabulary)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """As every task, each voice at one of its speeds and the margin of this moment."""
        batch = self.at_random_speed(batch)
        frames = self.augmented_frames(batch.inputs)
        return self._loss(frames, batch, self.progress(batch_idx))

    def loss(self, frames: Padded, batch: LabelBatch) -> Tensor:
        """Of the training's end, in nats per item."""
        return self._loss(frames, batch, 1.0)

    def at_random_speed(self, batch: LabelBatch) -> LabelBatch:
        """Another speaker's label wherever a voice is played at another speed.

        Raises:
            ValueError: There are other speeds, but no sound to play.
        """
        rates = (1.0, *self.target.speeds)
        if len(rates) == 1:
            return batch
        if self.inputs != "audio":
            raise ValueError(
                f"task.target.speeds: expected none for inputs of {self.inputs}, got "
                f"{list(self.target.speeds)}; only sound can be played faster"
            )
        turns = torch.randint(len(rates), (len(batch.rows),), generator=self._generator)
        rows: list[Tensor] = []
        for turn, row in zip(turns.tolist(), batch.inputs.rows()):
            one = Padded(row[None], torch.tensor([len(row)]))
            speed = Speed(rates[turn], rates[turn])
            rows.append(speed(one, self._generator).data[0])
        shift = turns.to(batch.labels.device, non_blocking=True) * self.num_speakers
        return LabelBatch(batch.rows, Padded.stack(rows), batch.labels + shift)

    @property
    def num_speakers(self) -> int:
        """Of the training split."""
        return len(self.answers.vocabulary) // (1 + len(self.target.speeds))

    def embed(self, index: Tensor, inputs: Padded) -> Tensor:
        """Raw inputs to embeddings ``(B, D)``, less the training mean, whitened.

        Args:
            index: ``(B,)`` rows of the store.
            inputs: of those rows.
        """
        embeddings: Tensor = self.model.embed(self.features(inputs))  # type: ignore[operator]
        return embeddings

    def predict(self, index: Tensor, inputs: Padded) -> list[Prediction]:
        """The nearest training speakers, and the embedding that comparisons look at."""
        seen: Tensor = self.model.represent(self.features(inputs))  # type: ignore[operator]
        embeddings: Tensor = self.model.whiten(seen)  # type: ignore[operator]
        logits: Tensor = self.model.head(seen)  # type: ignore[operator]
        scores = logits.float().log_softmax(dim=1)[:, : self.num_speakers]
        names = self.answers.vocabulary.symbols
        best, order = scores.topk(min(_TOP, self.num_speakers), dim=1)  # (B, 5) each
        found = zip(
            index.tolist(), best[:, 0].tolist(), order.tolist(), embeddings.detach().float().cpu()
        )
        return [
            Prediction(row, names[ranks[0]], score, tuple(names[r] for r in ranks), vector.numpy())
            for row, score, ranks, vector in found
        ]

    def fault(self, references: References, num_steps: int) -> str | None:
        """None: a voice that was never heard is what this task is about."""
        return None

    def score(self, predictions: Sequence[Prediction], references: Sequence[References]) -> Score:
        """Errors over all pairs of items; NaN where none, or all, are of one speaker."""
        compared = compare_all(predictions, references)
        targets, nontargets = compared.sides()
        counts = {
            "speakers": compared.num_speakers,
            "targets": len(targets),
            "nontargets": len(nontargets),
        }
        if not len(targets) or not len(nontargets):
            return Score(dict.fromkeys(_FLOORS, math.nan), dict(_FLOORS), counts)
        metrics = {
            "eer": eer(targets, nontargets),
            "min_dcf_01": min_dcf(targets, nontargets, 0.01),
            "min_dcf_001": min_dcf(targets, nontargets, 0.001),
            "cllr": cllr(self._log_ratios(targets), self._log_ratios(nontargets)),
            "min_cllr": min_cllr(targets, nontargets),
        }
        redraw = Redraw(compared.num_speakers, compared.thinned(_MOST_REDRAWN).redrawn_eer)
        return Score(metrics, dict(_FLOORS), counts, redraws={"eer": redraw})

    def settle(self, answer: Callable[[Literal["train", "val"]], Answered]) -> None:
        """Centres and whitens by the training, then calibrates cosines on the validation."""
        predictions, references = answer("train")
        names = [speaker[0] for speaker in references]
        centre, matrix = fit_whitening(_stacked(predictions), names, self.target.shrinkage)
        self.model.centre[:] = torch.from_numpy(centre)  # type: ignore[operator]
        self.model.whitening[:] = torch.from_numpy(matrix)  # type: ignore[operator]
        targets, nontargets = compare_all(*answer("val")).sides()
        if not len(targets) or not len(nontargets) or not is_told_apart(targets, nontargets):
            log.warning("cllr is of bare cosines: the validation split cannot tell speakers apart")
            return
        line = fit_calibration(targets, nontargets)
        self.model.calibration[:] = torch.tensor([line.slope, line.intercept])  # type: ignore[operator]

    def _log_ratios(self, cosines: Scores) -> Scores:
        slope, intercept = self.model.calibration.tolist()  # type: ignore[operator]
        return Calibration(slope, intercept)(cosines)

    def _loss(self, frames: Padded, batch: LabelBatch, progress: float) -> Tensor:
        loss: Tensor = self.model.loss(frames, batch.labels, progress)  # type: ignore[operator]
        return loss


@dataclass(frozen=True, eq=False)
class Compared:
    """Pairs of items and how alike they are.

    Args:
        scores: ``(I,)`` float64 cosines.
        first, second: ``(I,)`` the speakers of the two sides, numbered 0..num_speakers - 1.
        num_speakers: of all items.
    """

    scores: Scores
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    num_speakers: int

    def sides(self) -> tuple[Scores, Scores]:
        """The scores of one speaker with himself, and of two."""
        same = self.first == self.second
        return self.scores[same], self.scores[~same]

    def thinned(self, most: int) -> "Compared":
        """At most so many pairs of either kind, evenly taken."""
        kinds = (
            np.flatnonzero(self.first == self.second),
            np.flatnonzero(self.first != self.second),
        )
        kept = np.concatenate([kind[:: -(-len(kind) // most) or 1] for kind in kinds])
        return Compared(self.scores[kept], self.first[kept], self.second[kept], self.num_speakers)

    def redrawn_eer(self, counts: NDArray[np.int64]) -> float:
        """The equal error rate if each speaker were there so often, as somebody else each time.

        Args:
            counts: ``(num_speakers,)`` >= 0.
        """
        same = self.first == self.second
        weights = np.where(same, counts[self.first], counts[self.first] * counts[self.second])
        targets = np.repeat(self.scores[same], weights[same])
        nontargets = np.repeat(self.scores[~same], weights[~same])
        return eer(targets, nontargets) if len(targets) and len(nontargets) else math.nan


def compare_all(predictions: Sequence[Prediction], references: Sequence[References]) -> Compared:
    """Every pair of items once, but at most a million of either kind, drawn evenly.

    Args:
        predictions: ``(J,)``, with embeddings.
        references: ``(J,)`` their speakers.
    """
    names, numbers = np.unique([speaker[0] for speaker in references], return_inverse=True)
    embeddings = unit(_stacked(predictions))
    pairs = sample_pairs(numbers.tolist(), _MOST_PAIRS, _MOST_PAIRS)
    first, second = pairs.enrolled, pairs.tests
    scores = np.empty(len(pairs))
    for start in range(0, len(pairs), _BLOCK):  # embeddings of all pairs at once would be large
        block = slice(start, start + _BLOCK)
        scores[block] = (embeddings[first[block]] * embeddings[second[block]]).sum(axis=1)
    return Compared(scores, numbers[first], numbers[second], len(names))


def _stacked(predictions: Sequence[Prediction]) -> Matrix:
    """``(J, D)`` float64."""
    vectors = [one.embedding for one in predictions if one.embedding is not None]
    assert len(vectors) == len(predictions), "predictions of a task that does not embed"
    return np.stack(vectors).astype(np.float64)
