"""Language modelling: which symbol comes next in a text."""

import math
from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor

from rnnmm.batch import Padded, TextBatch
from rnnmm.decode.sample import Sampling, sample
from rnnmm.manifest import name_some
from rnnmm.models.language import LanguageModel
from rnnmm.tasks.recognition import Transcript
from rnnmm.tasks.task import Prediction, References, Score, Task


class LanguageModelling(Task):
    """Cross-entropy on the next symbol of a text; no sound is read."""

    metric = "perplexity"
    is_lower_better = True
    target: Transcript
    model: LanguageModel

    def make_batch(self, index: Tensor, inputs: Padded, references: Sequence[References],
                   epoch: int) -> TextBatch:  # fmt: skip
        """Symbols of the texts as targets."""
        rows = [self._encode(texts[0]) for texts in references]
        return TextBatch(index, inputs, Padded.stack(rows))

    def loss(self, frames: Padded, batch: TextBatch) -> Tensor:
        """Nats per symbol."""
        return self.model.loss(batch.targets)

    def predict(self, index: Tensor, inputs: Padded) -> list[Prediction]:
        """Each text, normalised, and its log-probability; ``-inf`` of one it cannot write."""
        texts = [self.target.normaliser("".join(map(chr, row.tolist()))) for row in inputs.rows()]
        known = [text for text in texts if self.answers.vocabulary.contains(text)]
        rows = [self._encode(text).to(inputs.data.device) for text in known]
        found = self.model.log_probs(Padded.stack(rows)).tolist() if rows else []
        scores = dict(zip(known, found))
        return [
            Prediction(row, text, scores.get(text, -math.inf))
            for row, text in zip(index.tolist(), texts)
        ]

    @torch.inference_mode()
    def write(self, how: Sampling, max_symbols: int, begin: str = "") -> list[Prediction]:
        """Texts by chance, each with its log-probability, as `predict` gives it.

        Args:
            how: how they are drawn; equal ones stay. ``top_k`` of 1 always takes the likeliest.
            max_symbols: of each text, those of ``begin`` among them; a longer one is cut.
            begin: what all begin with, if only with a part of a word; normalised first.

        Raises:
            ValueError: The vocabulary cannot write ``begin``.
        """
        begin = self.target.normaliser(begin)
        if missing := self.answers.vocabulary.missing(begin):
            raise ValueError(
                f"begin: expected symbols of the run's texts, got {name_some(map(repr, missing))} "
                f"in {begin!r}; begin with others"
            )
        texts = sample(
            self.model, how.count, max_symbols, torch.Generator().manual_seed(how.seed),
            how.temperature, how.top_k, tuple(self.answers.vocabulary.encode(begin)), how.top_p,
        )  # fmt: skip
        rows = [torch.tensor(text, dtype=torch.int64, device=self.device) for text in texts]
        scores = self.model.log_probs(Padded.stack(rows)).tolist()
        written = map(self.answers.vocabulary.decode, texts)
        return [Prediction(row, *one) for row, one in enumerate(zip(written, scores))]

    def fault(self, references: References, num_steps: int) -> str | None:
        """A symbol the vocabulary lacks."""
        missing = self.answers.vocabulary.missing(references[0])
        if missing:
            return f"symbols outside the vocabulary: {' '.join(map(repr, missing))}"
        return None

    def score(self, predictions: Sequence[Prediction], references: Sequence[References]) -> Score:
        """Perplexity per symbol and per word, the end of a text counted as one of either.

        The floor knows how often each symbol occurs in these very texts, and no order.
        """
        written = [p for p in predictions if p.score > -math.inf]
        counts = [Counter(self._encode(p.hypothesis).tolist()) for p in written]
        symbols = sum(counts, Counter()) + Counter({0: len(written)})
        num_symbols = symbols.total()
        num_words = sum(len(p.hypothesis.split()) + 1 for p in written)
        nats = -sum(p.score for p in written)
        floor = -sum(n * math.log(n / num_symbols) for n in symbols.values())
        return Score(
            {"perplexity": _perplexity(nats, num_symbols),
             "word_perplexity": _perplexity(nats, num_words)},
            {"perplexity": _perplexity(floor, num_symbols),
             "word_perplexity": _perplexity(floor, num_words)},
            {"symbols": num_symbols, "words": num_words,
             "impossible": len(predictions) - len(written)},
        )  # fmt: skip

    def _encode(self, text: str) -> Tensor:
        return torch.tensor(self.answers.vocabulary.encode(text), dtype=torch.int64)


def _perplexity(nats: float, count: int) -> float:
    # What no float holds is as bad as it gets.
    return math.exp(min(nats / count, 700.0)) if count else math.nan
