"""Speaker verification: do two recordings come from one person, known in training or not?"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from torch import Tensor

from rnnmm.batch import LabelBatch, Padded
from rnnmm.domain import File, Fraction, Range
from rnnmm.features.augment_audio import Speed
from rnnmm.models.embedder import Embedder
from rnnmm.speakers.backend import Backend, Scoring, by_cosine, fit_backend
from rnnmm.speakers.calibration import Calibration
from rnnmm.speakers.scoring import Matrix, Scorer
from rnnmm.speakers.trials import Trials, read_trials, scored_lines
from rnnmm.speakers.whitening import fit_whitening
from rnnmm.store.reader import Store
from rnnmm.tasks.answers import Answers
from rnnmm.tasks.classification import label_batch
from rnnmm.tasks.compared import (
    Compared,
    calibrated,
    check_trials,
    compare_trials,
    error_rates,
    every_trial,
)
from rnnmm.tasks.task import Answered, Prediction, References, Score, Target, Task
from rnnmm.text.vocabulary import Vocabulary

log = logging.getLogger(__name__)

_TOP = 5
_MOST_LISTED = 100_000  # trials that nobody asked for by name
_BARE = "cllr is of bare %s scores: the validation split cannot tell speakers apart"
SCORES = "scores.txt"
"""Of each trial its items, its score and what that is worth, see `scored_lines`."""


@dataclass(frozen=True)
class Speaker(Target):
    """Who speaks.

    Args:
        speeds: rates besides 1 at which, in training, each voice is heard as well and counts as
            another speaker: a voice played faster is higher. Sound only.
        shrinkage: of the whitening that is found after the training, see
            `rnnmm.speakers.whitening`; 1: embeddings are centred on the training mean, no more.
        scoring: how pairs are compared once training is done: by cosine, by cosines levelled by
            the training speakers (AS-norm), or by PLDA. All that it takes is found after every
            training, so that a finished run can be evaluated by each.
        trials: which pairs are evaluated, see `rnnmm.speakers.trials`; None: all.
    """

    speeds: Sequence[Annotated[float, Range(0.5, 2.0)]] = ()
    shrinkage: Fraction = 0.3
    scoring: Scoring = "cosine"
    trials: File | None = None

    def references(self, store: Store) -> list[References]:
        """The speaker of each row; none where the column is empty."""
        return [() if name is None else (name,) for name in store.column("speaker")]

    def learn(self, references: Sequence[References], input_dim: int) -> Answers:
        """The speakers, then the same at each of the other speeds.

        Raises:
            ValueError: Fewer than two speakers, or nobody twice where PLDA is asked for.
        """
        counts = Counter(name for names in references for name in names)
        names = sorted(counts)
        if len(names) < 2:
            raise ValueError(
                f"speakers: expected two or more in the training split, got {len(names)}; "
                f"nothing can be told apart"
            )
        if self.scoring == "plda" and max(counts.values()) < 2:
            raise ValueError(
                f"task.target.scoring=plda: expected a training speaker of two recordings or "
                f"more, got {len(names)} of one each; choose cosine or as_norm"
            )
        altered = [f"{name} x {rate:g}" for rate in self.speeds for name in names]
        vocabulary = Vocabulary((*names, *altered), "label")
        return Answers(vocabulary, tuple(names[:_TOP]), input_dim)


class SpeakerVerification(Task):
    """Embeddings, learned by telling training speakers apart, compared in pairs.

    An item's own answer is the most similar training speaker. The figures are of the trials that
    are asked for, or of all pairs of the split, or of a million of either kind. The best epoch is
    chosen by the cosines of all pairs, whatever is asked for.
    """

    metric = "eer"
    is_lower_better = True
    target: Speaker
    model: Embedder
    _ids: Mapping[int, str] | None = None
    _trials: Trials | None = None
    """What the items are called, by row, and the trials to score, of their places in it."""

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
        return self.model.embed(self.features(inputs))

    def predict(self, index: Tensor, inputs: Padded) -> list[Prediction]:
        """The nearest training speakers, and the embedding that comparisons look at."""
        seen = self.model.represent(self.features(inputs))
        embeddings = self.model.whiten(seen)
        logits: Tensor = self.model.head(seen)
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

    def ask(self, ids: Mapping[int, str], references: Mapping[int, References]) -> None:
        """Reads the trials, and finds out whether the run can score as is asked for.

        Raises:
            ValueError: It cannot, or the trials will not do.
        """
        backend, scoring = self._backend(), self.target.scoring
        if scoring == "as_norm" and not Scorer(backend.cohort).is_levelled:
            log.warning(
                "task.target.scoring=as_norm: %d training speakers are too few to level scores "
                "by; they are cosines around the mean of these", len(backend.cohort),
            )  # fmt: skip
        self._ids, self._trials = ids, None
        if self.target.trials:
            names, speakers = [*ids.values()], [references[row][0] for row in ids]
            self._trials = read_trials(Path(self.target.trials), names)
            check_trials(self._trials, names, speakers, self.target.trials)

    def score(self, predictions: Sequence[Prediction], references: Sequence[References]) -> Score:
        """Errors over trials of items; NaN where none, or all, are of one speaker."""
        speakers = [speaker[0] for speaker in references]
        compare = self._backend().comparison(self.target.scoring, _stacked(predictions))
        trials = self._asked_for(predictions) or every_trial(speakers)
        compared = compare_trials(compare, trials, speakers)
        score = error_rates(compared, self._calibration(self.target.scoring))
        counts = {"scoring": self.target.scoring, **score.counts}
        return score._replace(counts=counts, lists=self._lists(predictions, trials, compared))

    def validation_score(
        self, predictions: Sequence[Prediction], references: Sequence[References]
    ) -> Score:
        """Of the cosines of all pairs."""
        speakers = [speaker[0] for speaker in references]
        compare = by_cosine(_stacked(predictions))
        compared = compare_trials(compare, every_trial(speakers), speakers)
        return error_rates(compared, self._calibration("cosine"))

    def settle(self, answer: Callable[[Literal["train", "val"]], Answered]) -> None:
        """Centres, whitens and fits a backend by the training, calibrates on the validation."""
        predictions, references = answer("train")
        names = [speaker[0] for speaker in references]
        embeddings = _stacked(predictions)
        centre, matrix = fit_whitening(embeddings, names, self.target.shrinkage)
        self.model.centre[:] = torch.from_numpy(centre)
        self.model.whitening[:] = torch.from_numpy(matrix)
        backend = fit_backend((embeddings - centre) @ matrix, names)
        self.model.fitted.keep(backend.arrays())
        predictions, references = answer("val")
        names = [speaker[0] for speaker in references]
        trials, embeddings = every_trial(names), _stacked(predictions)
        for scoring in backend.known:
            compare = backend.comparison(scoring, embeddings)
            line = calibrated(compare_trials(compare, trials, names))
            if line is None:
                log.warning(_BARE, scoring)
            elif scoring == "cosine":
                self.model.calibration[:] = torch.tensor([line.slope, line.intercept])
            else:
                found = np.array([line.slope, line.intercept])
                self.model.fitted.keep({f"{scoring}_calibration": found})

    def _calibration(self, scoring: Scoring) -> Calibration:
        """Of scores to log-likelihood ratios; where none was found, scores stay as they are."""
        if scoring == "cosine":
            return Calibration(*self.model.calibration.tolist())
        found = self.model.fitted.arrays().get(f"{scoring}_calibration", np.array([1.0, 0.0]))
        return Calibration(*found.tolist())

    def _backend(self) -> Backend:
        """That of the training.

        Raises:
            ValueError: It does not allow the scoring that is asked for.
        """
        backend = Backend.from_arrays(self.model.fitted.arrays())
        scoring = self.target.scoring
        if scoring not in backend.known:
            raise ValueError(
                f"task.target.scoring={scoring}: expected a run that learned how after its "
                f"training, got one that knows {' and '.join(backend.known)} alone; train again "
                f"on speakers of several recordings each, or choose one of these"
            )
        return backend

    def _asked_for(self, predictions: Sequence[Prediction]) -> Trials | None:
        """The trials that were asked for, of places in the predictions; None: nobody did."""
        if self._trials is None or self._ids is None:
            return None
        place = {one.row: number for number, one in enumerate(predictions)}
        return self._trials.moved([place[row] for row in self._ids])

    def _lists(
        self, predictions: Sequence[Prediction], trials: Trials, compared: Compared
    ) -> dict[str, Any]:
        """The file of all trials: always of those asked for, else where they are not too many."""
        if self._ids is None:
            return {}
        if self._trials is None and len(trials) > _MOST_LISTED:
            log.info("%s: left out, %d trials; ask for some with task.target.trials=FILE",
                     SCORES, len(trials))  # fmt: skip
            return {SCORES: None}
        ids = [self._ids[one.row] for one in predictions]
        ratios = self._calibration(self.target.scoring)(compared.scores)
        return {SCORES: partial(scored_lines, trials, ids, compared.scores, ratios)}

    def _loss(self, frames: Padded, batch: LabelBatch, progress: float) -> Tensor:
        return self.model.loss(frames, batch.labels, progress)


def _stacked(predictions: Sequence[Prediction]) -> Matrix:
    """``(J, D)`` float64."""
    vectors = [one.embedding for one in predictions if one.embedding is not None]
    assert len(vectors) == len(predictions), "predictions of a task that does not embed"
    return np.stack(vectors).astype(np.float64)
