"""Captioning: pictures and clips to one sentence."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from rnnmm.batch import Padded, TextBatch
from rnnmm.decode.writer import Beam, beam_write
from rnnmm.domain import NotNegative, Probability, Size
from rnnmm.losses import bag_loss, token_loss
from rnnmm.metrics.caption import bleu, cider_d, constant_caption, diversity, rouge_l
from rnnmm.metrics.interval import Tally
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
        per_step: captions of an item that one training step reads, for one look at the item.
        bag_weight: weight of a second loss in training, by which the model must tell from the
            whole input which words its captions have, in any order; 0: without.
        beam: how answers are searched for.

    Source:
        The second loss after Fang et al. 2015, arXiv 1411.4952, section 3.
    """

    min_count: Size = 1
    label_smoothing: Probability = 0.0
    max_tokens: Size = 30
    per_step: Size = 1
    bag_weight: NotNegative = 0.0
    beam: Beam = field(default_factory=Beam)

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
    """Cross-entropy on the next word; beam search."""

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
        """Captions between "<bos>" and "<eos>"; an item's stand together, next ones each epoch."""
        turns = [
            texts[(epoch * self.target.per_step + row + turn) % len(texts)]
            for row, texts in zip(index.tolist(), references)
            for turn in range(self.target.per_step)
        ]
        encode = self.answers.vocabulary.encode
        rows = [torch.tensor([self.bos, *encode(text), self.eos]) for text in turns]
        return TextBatch(index, inputs, Padded.stack(rows))

    def loss(self, frames: Padded, batch: TextBatch) -> Tensor:
        """Cross-entropy per word, "<eos>" among them, and that of the words in any order."""
        tokens = batch.targets
        before = Padded(tokens.data[:, :-1], tokens.lengths - 1)
        after = Padded(tokens.data[:, 1:], tokens.lengths - 1)
        state: WriterState = self.model.start(frames)  # type: ignore[operator]
        items = torch.arange(len(frames.lengths), device=tokens.data.device)
        each = state.select(items.repeat_interleave(self.target.per_step))
        scores = self.model.write(each, before)  # type: ignore[operator]
        loss = token_loss(scores, after, self.target.label_smoothing)
        if not self.target.bag_weight:
            return loss
        words = self.model.name(state.memory)  # type: ignore[operator]
        return loss + self.target.bag_weight * bag_loss(words, tokens)

    def predict(self, index: Tensor, inputs: Padded) -> list[Prediction]:
        """Captions."""
        state = self.model.start(self.features(inputs))  # type: ignore[operator]
        start = torch.full((len(index),), self.bos, device=inputs.data.device)
        found = beam_write(
            self._step, WriterState.select, state, start, self.eos, self.target.max_tokens,
            self.target.beam,
        )  # fmt: skip
        vocabulary = self.answers.vocabulary
        return [
            Prediction(row, vocabulary.decode(best.tokens), best.score)
            for row, (best, *_) in zip(index.tolist(), found)
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
        tallies = {
            "rouge_l": Tally.of_means(rouge_l(truth, answers).items),
            "cider_d": Tally.of_means(cider_d(truth, answers).items),
        }
        return Score(_figures(truth, answers), _figures(truth, constant), counts, tallies)


def _figures(
    truth: Sequence[Sequence[Sequence[str]]], answers: Sequence[Sequence[str]]
) -> dict[str, float]:
    scores = {f"bleu_{n}": value for n, value in enumerate(bleu(truth, answers).corpus, start=1)}
    scores["rouge_l"] = rouge_l(truth, answers).corpus
    return {**scores, "cider_d": cider_d(truth, answers).corpus}
