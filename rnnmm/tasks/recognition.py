"""Speech recognition: sound to words."""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
from torch import Tensor

from rnnmm.batch import AudioVisual, Padded, TextBatch
from rnnmm.decode.hypothesis import Hypothesis
from rnnmm.domain import Count, NotNegative, Size
from rnnmm.metrics.errors import ErrorCounts, align, constant_sentence, count_errors
from rnnmm.metrics.interval import Tally
from rnnmm.metrics.reliability import calibration_error, reliability_bins
from rnnmm.models.recogniser import Recogniser
from rnnmm.store.reader import Store
from rnnmm.tasks.answers import Answers
from rnnmm.tasks.confidence import (
    calibrated,
    fit_confidence,
    right_words,
    uncalibrated,
    word_confidence,
)
from rnnmm.tasks.longform import LongAudio, read_long
from rnnmm.tasks.task import Answered, Prediction, References, Score, Target, Task
from rnnmm.text.ngram import fit_ngram
from rnnmm.text.normalise import Normaliser
from rnnmm.text.vocabulary import Vocabulary
from rnnmm.text.word import Word, locate_words

log = logging.getLogger(__name__)

BLANK = "<blank>"


@dataclass(frozen=True)
class Transcript(Target):
    """The words that were said.

    Args:
        unit: what one symbol is: a character (spaces too), a word or a piece of one.
        num_pieces: how many pieces there are, where those are the unit.
        ngram_order: of the n-gram of words that a search may use (`rnnmm.search`); 0: none.
        input_rate: steps per second of what is heard: the sample rate of sound; 0: unknown, and
            then no word has a time.
        normaliser: applied to every transcript, in training and in scoring alike.
        long_audio: how recordings are cut that are too long to be read at once. Sound only.
    """

    unit: Literal["char", "word", "piece"] = "char"
    normaliser: Normaliser = field(default_factory=Normaliser)
    num_pieces: Size = 100
    ngram_order: Count = 0
    input_rate: NotNegative = 0.0
    long_audio: LongAudio = field(default_factory=LongAudio)

    def references(self, store: Store) -> list[References]:
        """The normalised transcript of each row; none where it has no text."""
        texts = store.column("text")
        return [() if text is None else (self.normaliser(text),) for text in texts]

    def learn(self, references: Sequence[References], input_dim: int) -> Answers:
        """The symbols of the transcripts; the constant answers are silence and a sentence."""
        texts = [text for texts in references for text in texts]
        if self.unit == "piece":
            vocabulary = Vocabulary.fit_pieces(texts, self.num_pieces, (BLANK,))
        else:
            vocabulary = Vocabulary.fit(texts, self.unit, (BLANK,))
        order = self.ngram_order
        ngram = fit_ngram((text.split() for text in texts), order) if order else None
        return Answers(vocabulary, ("", constant_sentence(texts)), input_dim, ngram)


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
        """Transcripts; those of long recordings in parts, see `rnnmm.tasks.longform`."""
        is_long = self._is_long(inputs)
        if not is_long.any():
            return self._read(index, inputs)
        rows = inputs.rows()
        short = [row for row, long in zip(rows, is_long) if not long]
        answers = self._read(index[~is_long], Padded.stack(short)) if short else []
        rate, cut = round(self.target.input_rate), self.target.long_audio
        for place in is_long.nonzero()[:, 0].tolist():
            answers.append(read_long(int(index[place]), rows[place], rate, cut, self._read_any))
        return answers

    def _is_long(self, inputs: Padded) -> Tensor:
        """``(B,)``: which rows are sound that is too long to be read at once."""
        if self.inputs != "audio" or not self.target.input_rate:
            return torch.zeros(len(inputs.lengths), dtype=torch.bool)
        return inputs.lengths > self.target.long_audio.longest_s * self.target.input_rate

    def _read(self, index: Tensor, inputs: Padded) -> list[Prediction]:
        """What is too short for a single frame says nothing."""
        frames: Padded = self.features(inputs)
        if isinstance(frames, AudioVisual) or frames.lengths.all():
            return self.transcribe(index, self.model.decode(frames))
        heard = [row for row in frames.rows() if len(row)]
        found = iter(self.model.decode(Padded.stack(heard)) if heard else ())
        none = [Hypothesis((), 0.0)]
        return self.transcribe(index, [next(found) if n else none for n in frames.lengths])

    def _read_any(self, inputs: Padded) -> list[Prediction]:
        return self._read(torch.arange(len(inputs.lengths)), inputs)

    def transcribe(self, index: Tensor, found: Sequence[Sequence[Hypothesis]]) -> list[Prediction]:
        """The hypotheses of each row as text, and the words of the best one."""
        step_s = self.step_s
        return [self._transcript(row, few, step_s) for row, few in zip(index.tolist(), found)]

    @property
    def step_s(self) -> float:
        """Seconds from one step of the encoder to the next; NaN: the inputs' rate is unknown."""
        if not self.target.input_rate:
            return math.nan
        rate = self.features.frame_rate(self.target.input_rate)  # type: ignore[operator]
        return self.model.stride / float(rate)

    def settle(self, answer: Callable[[Literal["train", "val"]], Answered]) -> None:
        """Learns from the validation split what the model's confidence in a word is worth."""
        said, is_right = _judged(*answer("val"))
        line = fit_confidence(said, is_right)
        if line is None:
            log.warning(
                "confidence is bare: of %d words answered in the validation split %d are right, "
                "which does not tell what it is worth", len(said), sum(is_right),
            )  # fmt: skip
        self.answers = replace(self.answers, confidence=line)

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
        metrics = {"wer": all_words.rate, "cer": all_chars.rate}
        floors = self._floors([truth for truth, _ in pairs])
        counts: dict[str, Any] = {
            "words": _fields(all_words),
            "chars": _fields(all_chars),
            "wrong_utterances": sum(truth != answer for truth, answer in pairs),
        }
        if any(prediction.words for prediction in predictions):
            reliability = self._reliability(predictions, references)
            metrics["ece"] = reliability["ece_after"]
            floors["ece"] = reliability["wrong"]  # of who is sure of every word
            counts["confidence"] = reliability
        return Score(metrics, floors, counts, {"wer": _tally(words), "cer": _tally(chars)})

    def detail(self, prediction: Prediction, references: References) -> dict[str, Any]:
        """The alignment, times and confidence of the words, and what else was found."""
        edits = align(references[0].split(), prediction.hypothesis.split()) if references else ()
        nbest = [{"text": text, "score": round(score, 6)} for text, score in prediction.nbest]
        return {
            "alignment": [list(edit) for edit in edits],
            "words": [
                {
                    "word": word.text,
                    "start_s": round(word.start_s, 3),
                    "end_s": round(word.end_s, 3),
                    "confidence": round(word.confidence, 4),
                }
                for word in prediction.words
            ],
            "confidence": _utterance_confidence(prediction),
            **({"nbest": nbest} if len(nbest) > 1 else {}),
        }

    def _transcript(self, row: int, found: Sequence[Hypothesis], step_s: float) -> Prediction:
        texts: dict[str, float] = {}
        for one in found:  # other tokens may spell the same
            texts.setdefault(self._text(one), one.score)
        nbest = tuple(texts.items())
        return Prediction(row, *nbest[0], words=self._words(found[0], step_s), nbest=nbest)

    def _text(self, hypothesis: Hypothesis) -> str:
        # Folded, as every reference is: two spaces in a row are not two errors.
        return " ".join(self.answers.vocabulary.decode(hypothesis.tokens).split())

    def _words(self, hypothesis: Hypothesis, step_s: float) -> tuple[Word, ...]:
        """A step stands for half a step around its middle; time begins at 0."""
        if not hypothesis.spans:
            return ()
        located = locate_words(self.answers.vocabulary, hypothesis.tokens)
        spans = [[hypothesis.spans[place] for place in places] for _, places in located]
        said = [word_confidence(own) for own in spans]
        sure = calibrated(said, self.answers.confidence)
        return tuple(
            Word(text, step_s * max(own[0].start - 0.5, 0), step_s * (own[-1].end - 0.5), one)
            for (text, _), own, one in zip(located, spans, sure)
        )

    def _reliability(
        self, predictions: Sequence[Prediction], references: Sequence[References]
    ) -> dict[str, Any]:
        """How far to trust the confidence of words, before and after what was learned of it."""
        sure, is_right = _judged(predictions, references)
        bins = reliability_bins(sure, is_right)
        before = reliability_bins(uncalibrated(sure, self.answers.confidence), is_right)
        return {
            "words": len(sure),
            "wrong": 1 - sum(is_right) / len(sure),
            "ece_before": calibration_error(before),
            "ece_after": calibration_error(bins),
            "bins": [one._asdict() for one in bins],
        }

    def _floors(self, truth: Sequence[str]) -> dict[str, float]:
        """What the better of the constant answers would get."""
        words, chars = [], []
        for text in self.answers.constants:
            errors = (count_errors(one.split(), text.split()) for one in truth)
            words.append(sum(errors, ErrorCounts()).rate)
            errors = (count_errors(list(one), list(text)) for one in truth)
            chars.append(sum(errors, ErrorCounts()).rate)
        return {"wer": min(words), "cer": min(chars)}

    def _encode(self, text: str) -> list[int]:
        return self.answers.vocabulary.encode(text)


def _judged(
    predictions: Sequence[Prediction], references: Sequence[References]
) -> tuple[list[float], list[bool]]:
    """Confidence of every word answered, and whether it is right."""
    heard = [(one, texts[0]) for one, texts in zip(predictions, references) if one.words]
    sure = [word.confidence for one, _ in heard for word in one.words]
    return sure, [right for one, truth in heard for right in right_words(truth, one.hypothesis)]


def _utterance_confidence(prediction: Prediction) -> float | None:
    """The part of the words that is expected to be right; of no words, that none was said.

    None where the words cannot be told apart.
    """
    if prediction.words:
        mean = sum(word.confidence for word in prediction.words) / len(prediction.words)
        return round(mean, 4)
    return None if prediction.hypothesis else round(math.exp(min(prediction.score, 0.0)), 4)


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
