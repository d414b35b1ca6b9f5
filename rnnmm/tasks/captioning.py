"""Captioning: pictures and clips to one sentence."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from rnnmm.batch import Padded, TextBatch
from rnnmm.decode.hypothesis import Hypothesis
from rnnmm.decode.writer import Beam, Search
from rnnmm.domain import NotNegative, Probability, Size
from rnnmm.losses import bag_loss, coverage_loss, token_loss
from rnnmm.metrics.caption import cider_d, constant_caption, rouge_l
from rnnmm.metrics.caption_figures import (
    caption_figures,
    ceiling_figures,
    novelty,
    unknown_ratio,
    variety,
)
from rnnmm.metrics.interval import Tally
from rnnmm.models.captioner import Captioner, WriterState
from rnnmm.store.reader import Store
from rnnmm.tasks.answers import Answers
from rnnmm.tasks.schedule import ScheduledSampling
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
        coverage_weight: weight of a third loss in training, by which a caption as a whole must
            have looked everywhere; 0: without.
        sampling: how often the model reads its own words in training; None: never.
        search: how answers are found.

    Source:
        The second loss after Fang et al. 2015, arXiv 1411.4952, section 3; the third after Xu et
        al. 2015, arXiv 1502.03044, equation 14.
    """

    min_count: Size = 1
    label_smoothing: Probability = 0.0
    max_tokens: Size = 30
    per_step: Size = 1
    bag_weight: NotNegative = 0.0
    coverage_weight: NotNegative = 0.0
    sampling: ScheduledSampling | None = None
    search: Search = field(default_factory=Beam)

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
    """Cross-entropy on the next word; a search for the best sentence."""

    metric = "cider_d"
    is_lower_better = False
    target: Captions
    _own = 0.0  # how often the model reads its own words in this step
    _learned: Sequence[Sequence[str]] | None = None  # the captions of the training split

    @property
    def bos(self) -> int:
        """The token every caption begins with."""
        return self.answers.vocabulary.index(BOS)

    @property
    def eos(self) -> int:
        """The token every caption ends with."""
        return self.answers.vocabulary.index(EOS)

    @property
    def captioner(self) -> Captioner:
        """The model."""
        assert isinstance(self.model, Captioner)
        return self.model

    def on_train_batch_start(self, batch: TextBatch, batch_idx: int) -> None:  # type: ignore[override]
        super().on_train_batch_start(batch, batch_idx)
        if self.target.sampling is not None:
            self._own = self.target.sampling.rate_at(self.progress(batch_idx))

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
        """Cross-entropy per word, "<eos>" among them, and the losses that have a weight."""
        tokens = batch.targets
        before = Padded(tokens.data[:, :-1], tokens.lengths - 1)
        after = Padded(tokens.data[:, 1:], tokens.lengths - 1)
        state = self.captioner.start(frames)
        items = torch.arange(len(frames.lengths), device=tokens.data.device)
        each = state.select(items.repeat_interleave(self.target.per_step))
        written = self.captioner.write(each, before, self._own)
        loss = token_loss(written.logits, after, self.target.label_smoothing)
        if self.target.bag_weight:
            words = self.captioner.name(state.memory)
            loss = loss + self.target.bag_weight * bag_loss(words, tokens)
        if self.target.coverage_weight:
            missed = coverage_loss(written.weights, each.memory.mask)
            loss = loss + self.target.coverage_weight * missed
        return loss

    def predict(self, index: Tensor, inputs: Padded) -> list[Prediction]:
        """Captions."""
        state = self.captioner.start(self.features(inputs))
        start = torch.full((len(index),), self.bos, device=inputs.data.device)
        found = self.target.search.find(
            self._step, WriterState.select, state, start, self.eos, self.target.max_tokens
        )
        return [self._prediction(row, answers) for row, answers in zip(index.tolist(), found)]

    def attention(self, inputs: Padded, text: str) -> Tensor:
        """Where the model looks as it writes a caption of its own words, and then ends it.

        Args:
            inputs: raw, of one item.
            text: words of the vocabulary, joined by spaces.

        Returns:
            ``(U + 1, T, g, g)`` on the CPU, the last row of the end: steps in time, and the cells
            of a grid where the encoder has one; zero of a model that does not look.
        """
        words = torch.tensor([[self.bos, *self.answers.vocabulary.encode(text)]])
        tokens = Padded(words.to(inputs.data.device), torch.tensor([words.shape[1]]))
        with torch.inference_mode():
            state = self.captioner.start(self.features(inputs))
            weights = self.captioner.write(state, tokens).weights.data[0].cpu()
        grid = int(getattr(self.captioner.encoder, "grid", 1))
        return weights.reshape(len(weights), -1, grid, grid)

    def _prediction(self, row: int, answers: Sequence[Hypothesis]) -> Prediction:
        texts = [(self.answers.vocabulary.decode(one.tokens), one.score) for one in answers]
        return Prediction(row, *texts[0], nbest=tuple(texts))

    def detail(self, prediction: Prediction, references: References) -> dict[str, Any]:
        """All answers, where a search gives more than one."""
        found = [[text, round(score, 6)] for text, score in prediction.nbest]
        return {"nbest": found} if len(found) > 1 else {}

    def _step(self, tokens: Tensor, state: WriterState) -> tuple[Tensor, WriterState]:
        """The model's step without what is no word: "<unk>" would leave a hole in the sentence."""
        logits, state = self.captioner.step(tokens, state)
        logits[:, [self.bos, self.answers.vocabulary.index(UNKNOWN)]] = -torch.inf
        return logits, state

    def fault(self, references: References, num_steps: int) -> str | None:
        """A caption without a word."""
        return None if all(references) else "an empty caption"

    def recall(self, references: Sequence[References]) -> None:
        """Keeps the captions, to tell which answers are none of them."""
        self._learned = [text.split() for texts in references for text in texts]

    def score(self, predictions: Sequence[Prediction], references: Sequence[References]) -> Score:
        """BLEU-1..4, ROUGE-L and CIDEr-D, between floor and ceiling, and how answers vary.

        After `recall` also their novelty.
        """
        truth = _split(references)
        answers = [prediction.hypothesis.split() for prediction in predictions]
        constant = self.answers.constants[0]
        floors, ceilings = _anchors(tuple(references), constant)
        known = self.answers.vocabulary.symbols
        asked = [caption for captions in truth for caption in captions]
        counts = {
            **variety(answers, known),
            "unknown_reference_words": unknown_ratio(asked, set(known)),
            # "<unk>" is never written, so an answer of as many words has had no room for its end.
            "cut": sum(len(answer) >= self.target.max_tokens for answer in answers) / len(answers),
            "constant_caption": constant,
            "ceilings": dict(ceilings),
        }
        if self._learned is not None:
            counts["novelty"] = novelty(answers, self._learned)
        tallies = {
            "rouge_l": Tally.of_means(rouge_l(truth, answers).items),
            "cider_d": Tally.of_means(cider_d(truth, answers).items),
        }
        return Score(caption_figures(truth, answers), dict(floors), counts, tallies)


@lru_cache(maxsize=4)  # of each split the same in every epoch
def _anchors(
    references: tuple[References, ...], constant: str
) -> tuple[dict[str, float], dict[str, float]]:
    """Floors and ceilings."""
    truth = _split(references)
    return caption_figures(truth, [constant.split()] * len(truth)), ceiling_figures(truth)


def _split(references: Sequence[References]) -> list[list[list[str]]]:
    return [[text.split() for text in texts] for texts in references]
