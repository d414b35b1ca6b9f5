"""Captioning: pictures and clips to one sentence."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rnnmm.batch import Padded, TextBatch
from rnnmm.decode.writer import greedy_write
from rnnmm.losses import token_loss
from rnnmm.metrics.caption import bleu, cider_d, constant_caption, diversity, rouge_l
from rnnmm.models.captioner import WriterState
from rnnmm.store.reader import Store
from rnnmm.tasks.answers import Answers
from rnnmm.tasks.task import Prediction, References, Score, Target, Task
from rnnmm.text.tokenise import tokenise_caption
from rnnmm.text.vocabulary import UNKNOWN, Vocabulary

BOS, EOS = "<bos>", "<eos>"


@dataclass(frozen=True)
class Captions(Target):
    """The sentences people wrote about an item.

    Args:
        min_count: rarer words become "<unk>".
        label_smoothing: probability mass spread over all words in training, in [0, 1).
        max_tokens: an answer is cut there.
    """

    min_count: int = 1
    label_smoothing: float = 0.0
    max_tokens: int = 30

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise ValueError(f"Captions: expected max_tokens >= 1, got {self.max_tokens}")

    def references(self, store: Store) -> list[References]:
        """The captions of each row, as tokens joined by spaces."""
        columns = store.column("captions")
        return [
            tuple(" ".join(tokenise_caption(text)) for text in captions or ())
            for captions in columns
        ]

    def learn(self, references: Sequence[References], input_dim: int) -> Answers:
        """The words; the constant answer is the caption nearest to all others."""
        texts = [text for texts in references for text in texts]
        vocabulary = Vocabulary.fit(texts, "word", (BOS, EOS, UNKNOWN), self.min_count)
        constant = constant_caption([[text.split() for text in texts] for texts in references])
        return Answers(vocabulary, (" ".join(constant),), input_dim)


class Captioning(Task):
    """Cross-entropy on the next word; greedy writing."""

    metric = "cider_d"
    is_lower_better = False
    target: Captions

    @property
    def bos(self) -> int:
        """The token every caption begins with."""
        return self.answers.vocabulary.index(BOS)

    @property
    def eos(self) -> int:
        """The token every caption ends with."""
        return self.answers.vocabulary.index(EOS)

    def make_batch(self, index: Tensor, inputs: Padded, references: Sequence[References],
                   epoch: int) -> TextBatch:  # fmt: skip
        """One caption an item, the next one each epoch, between "<bos>" and "<eos>"."""
        turns = [
            texts[(epoch + row) % len(texts)] for row, texts in zip(index.tolist(), references)
        ]
        encode = self.answers.vocabulary.encode
        rows = [torch.tensor([self.bos, *encode(text), self.eos]) for text in turns]
        return TextBatch(index, inputs, Padded.stack(rows))

    def loss(self, frames: Padded, batch: TextBatch) -> Tensor:
        """Cross-entropy per word, "<eos>" among them."""
        tokens = batch.targets
        before = Padded(tokens.data[:, :-1], tokens.lengths - 1)
        after = Padded(tokens.data[:, 1:], tokens.lengths - 1)
        return token_loss(self.model(frames, before), after, self.target.label_smoothing)

    def predict(self, index: Tensor, inputs: Padded) -> list[Prediction]:
        """Captions."""
        state = self.model.start(self.features(inputs))  # type: ignore[operator]
        start = torch.full((len(index),), self.bos, device=inputs.data.device)
        hypotheses = greedy_write(self._step, state, start, self.eos, self.target.max_tokens)
        vocabulary = self.answers.vocabulary
        return [
            Prediction(row, vocabulary.decode(hypothesis.tokens), hypothesis.score)
            for row, hypothesis in zip(index.tolist(), hypotheses)
        ]

    def _step(self, tokens: Tensor, state: WriterState) -> tuple[Tensor, WriterState]:
        """The model's step without what is no word: "<unk>" would leave a hole in the sentence."""
        logits, state = self.model.step(tokens, state)  # type: ignore[operator]
        logits[:, [self.bos, self.answers.vocabulary.index(UNKNOWN)]] = -torch.inf
        return logits, state

    def fault(self, references: References, num_steps: int) -> str | None:
        """A caption without a word."""
        return None if all(references) else "an empty caption"

    def score(self, predictions: Sequence[Prediction], references: Sequence[References]) -> Score:
        """BLEU-1..4, ROUGE-L and CIDEr-D, and how varied the answers are."""
        truth = [[text.split() for text in texts] for texts in references]
        answers = [prediction.hypothesis.split() for prediction in predictions]
        constant = [self.answers.constants[0].split()] * len(truth)
        varied = diversity(answers)
        known = set(self.answers.vocabulary.symbols)
        words = [word for texts in truth for text in texts for word in text]
        counts = {
            "unique_captions": varied.unique,
            "vocabulary_used": varied.vocabulary,
            "repetition": varied.repetition,
            "unknown_reference_words": sum(word not in known for word in words)
            / max(1, len(words)),
            "constant_caption": self.answers.constants[0],
        }
        return Score(_figures(truth, answers), _figures(truth, constant), counts)


def _figures(
    truth: Sequence[Sequence[Sequence[str]]], answers: Sequence[Sequence[str]]
) -> dict[str, float]:
    scores = {f"bleu_{n}": value for n, value in enumerate(bleu(truth, answers).corpus, start=1)}
    scores["rouge_l"] = rouge_l(truth, answers).corpus
    return {**scores, "cider_d": cider_d(truth, answers).corpus}
