"""Speech recognition: sound to words."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

from rnnmm.batch import Padded, TextBatch
from rnnmm.decode.hypothesis import Hypothesis
from rnnmm.domain import Count, Size
from rnnmm.metrics.errors import ErrorCounts, align, count_errors
from rnnmm.metrics.interval import Tally
from rnnmm.models.recogniser import Recogniser
from rnnmm.store.reader import Store
from rnnmm.tasks.answers import Answers
from rnnmm.tasks.task import Prediction, References, Score, Target, Task
from rnnmm.text.ngram import fit_ngram
from rnnmm.text.normalise import Normaliser
from rnnmm.text.vocabulary import Vocabulary

BLANK = "<blank>"


@dataclass(frozen=True)
class Transcript(Target):
    """The words that were said.

    Args:
        unit: what one symbol is: a character (spaces too), a word or a piece of one.
        num_pieces: how many pieces there are, where those are the unit.
        ngram_order: of the n-gram of words that a search may use (`rnnmm.search`); 0: none.
        normaliser: applied to every transcript, in training and in scoring alike.
    """

    unit: Literal["char", "word", "piece"] = "char"
    normaliser: Normaliser = field(default_factory=Normaliser)
    num_pieces: Size = 100
    ngram_order: Count = 0

    def references(self, store: Store) -> list[References]:
        """The normalised transcript of each row; none where it has no text."""
        texts = store.column("text")
        return [() if text is None else (self.normaliser(text),) for text in texts]

    def learn(self, references: Sequence[References], input_dim: int) -> Answers:
        """The symbols of the transcripts; the constant answer is silence."""
        texts = [text for texts in references for text in texts]
        if self.unit == "piece":
            vocabulary = Vocabulary.fit_pieces(texts, self.num_pieces, (BLANK,))
        else:
            vocabulary = Vocabulary.fit(texts, self.unit, (BLANK,))
        order = self.ngram_order
        ngram = fit_ngram((text.split() for text in texts), order) if order else None
        return Answers(vocabulary, ("",), input_dim, ngram)


class SpeechRecognition(Task):
    """Symbols of transcripts, by whatever criterion and search the model has."""

    metric = "wer"
    is_lower_better = True
    target: Transcript
    model: Recogniser

    def make_batch(self, index: Tensor, inputs: Padded, references: Sequence[References],
                   epoch: int) -> TextBatch:  # fmt: skip
        """Symbols of the transcripts as targets."""
        rows = [torch.tensor(self._encode(texts[0]), dtype=torch.int64) for texts in references]
        return TextBatch(index, inputs, Padded.stack(rows))

    def loss(self, frames: Padded, batch: TextBatch) -> Tensor:
        """The model's own, per symbol."""
        return self.model.loss(frames, batch.targets)

    def predict(self, index: Tensor, inputs: Padded) -> list[Prediction]:
        """Transcripts."""
        return self.transcribe(index, self.model.decode(self.features(inputs)))

    def transcribe(self, index: Tensor, found: Sequence[Sequence[Hypothesis]]) -> list[Prediction]:
        """The best hypothesis of each row as text."""
        best = [few[0] for few in found]
        # Folded, as every reference is: two spaces in a row are not two errors.
        texts = [" ".join(self.answers.vocabulary.decode(one.tokens).split()) for one in best]
        return [
            Prediction(row, text, one.score) for row, text, one in zip(index.tolist(), texts, best)
        ]

    def fault(self, references: References, num_steps: int) -> str | None:
        """A symbol the vocabulary lacks, no words at all, or what the model cannot learn."""
        missing = self.answers.vocabulary.missing(references[0])
        if missing:
            return f"symbols outside the vocabulary: {' '.join(map(repr, missing))}"
        targets = Padded.stack([torch.tensor(self._encode(references[0]), dtype=torch.int64)])
        if not len(targets.data[0]):
            return "an empty transcript"
        num_frames = self.features.num_frames(num_steps)  # type: ignore[operator]
        return self.model.fault(int(num_frames), targets)

    def score(self, predictions: Sequence[Prediction], references: Sequence[References]) -> Score:
        """Word and character error rates, and how they come about."""
        pairs = [(texts[0], p.hypothesis) for p, texts in zip(predictions, references)]
        words = [count_errors(truth.split(), answer.split()) for truth, answer in pairs]
        chars = [count_errors(list(truth), list(answer)) for truth, answer in pairs]
        all_words, all_chars = sum(words, ErrorCounts()), sum(chars, ErrorCounts())
        counts = {
            "words": _fields(all_words),
            "chars": _fields(all_chars),
            "wrong_utterances": sum(truth != answer for truth, answer in pairs),
        }
        return Score(
            {"wer": all_words.rate, "cer": all_chars.rate},
            # The empty transcript deletes every word: its rate is one, whatever was said.
            {"wer": 1.0 if all_words.reference_length else 0.0,
             "cer": 1.0 if all_chars.reference_length else 0.0},
            counts,
            {"wer": _tally(words), "cer": _tally(chars)},
        )  # fmt: skip

    def detail(self, prediction: Prediction, references: References) -> dict[str, Any]:
        """The alignment of the words."""
        edits = align(references[0].split(), prediction.hypothesis.split()) if references else ()
        return {"alignment": [list(edit) for edit in edits]}

    def _encode(self, text: str) -> list[int]:
        return self.answers.vocabulary.encode(text)


def _tally(counts: Sequence[ErrorCounts]) -> Tally:
    return Tally([one.errors for one in counts], [one.reference_length for one in counts])


def _fields(counts: ErrorCounts) -> dict[str, int]:
    return {
        "hits": counts.hits,
        "substitutions": counts.substitutions,
        "deletions": counts.deletions,
        "insertions": counts.insertions,
        "reference_length": counts.reference_length,
    }
