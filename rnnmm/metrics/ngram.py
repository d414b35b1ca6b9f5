"""Captions as bags of n-grams of 1..4 tokens: what BLEU and CIDEr are made of."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

Caption = Sequence[str]
Ngram = tuple[str, ...]

ORDER = 4


def ngrams(caption: Caption) -> Iterator[Ngram]:
    """Every n-gram of a caption, n = 1..4, repeated ones included."""
    tokens = tuple(caption)
    for n in range(1, ORDER + 1):
        for start in range(len(tokens) - n + 1):
            yield tokens[start : start + n]


def inverse_frequencies(references: Sequence[Sequence[Caption]]) -> dict[Ngram, float]:
    """The weight of every n-gram: log(items / items whose references hold it).

    Args:
        references: ``(I, R_i)`` captions.
    """
    frequencies = Counter(
        ngram
        for captions in references
        for ngram in {ngram for caption in captions for ngram in ngrams(caption)}
    )
    return {ngram: math.log(len(references) / count) for ngram, count in frequencies.items()}


class TfIdf(NamedTuple):
    """A caption as one vector per n.

    weights: of each n-gram. norms: ``(4,)``, of the vector of each n. num_bigrams: the length of
    the caption, as CIDEr counts it.
    """

    weights: dict[Ngram, float]
    norms: tuple[float, ...]
    num_bigrams: int

    @classmethod
    def of(cls, caption: Caption, inverse: Mapping[Ngram, float], unseen: float) -> "TfIdf":
        """Weighs a caption.

        Args:
            caption: tokens.
            inverse: the weight of every n-gram known.
            unseen: the weight of all others.
        """
        counts = Counter(ngrams(caption))
        weights = {ngram: count * inverse.get(ngram, unseen) for ngram, count in counts.items()}
        squares = [0.0] * ORDER
        for ngram, weight in weights.items():
            squares[len(ngram) - 1] += weight**2
        return cls(weights, tuple(map(math.sqrt, squares)), max(0, len(caption) - 1))

    def unit(self) -> dict[Ngram, float]:
        """The weights with the vector of every n scaled to length 1; without those of length 0."""
        norms = [self.norms[len(ngram) - 1] for ngram in self.weights]
        return {g: w / norm for (g, w), norm in zip(self.weights.items(), norms) if norm}
