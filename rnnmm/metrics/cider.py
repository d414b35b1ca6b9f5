"""CIDEr-D against references that are looked at once: for evaluation, and as a reward."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from rnnmm.metrics.ngram import ORDER, Caption, Ngram, TfIdf, inverse_frequencies

_SIGMA = 6.0


@dataclass(frozen=True)
class CiderReferences:
    """The references of all items as weighted vectors, and how rare every n-gram is among them.

    Args:
        inverse: the weight of every n-gram known.
        unseen: the weight of all others.
        vectors: ``(I, R_i)``.
    """

    inverse: Mapping[Ngram, float]
    unseen: float
    vectors: Sequence[Sequence[TfIdf]]

    @classmethod
    def of(cls, references: Sequence[Sequence[Caption]]) -> Self:
        """Looks at ``(I, R_i)`` captions, at least one per item."""
        inverse, unseen = inverse_frequencies(references), math.log(len(references))
        vectors = [[TfIdf.of(one, inverse, unseen) for one in captions] for captions in references]
        return cls(inverse, unseen, vectors)

    def score(self, item: int, hypothesis: Caption) -> float:
        """CIDEr-D of one answer to one item, 0..10."""
        answer = TfIdf.of(hypothesis, self.inverse, self.unseen)
        asked = self.vectors[item]
        return 10 * sum(_similarity(answer, one) for one in asked) / len(asked)


def _similarity(answer: TfIdf, reference: TfIdf) -> float:
    products = [0.0] * ORDER
    for ngram, weight in answer.weights.items():
        asked = reference.weights.get(ngram, 0.0)
        products[len(ngram) - 1] += min(weight, asked) * asked
    norms = [a * b for a, b in zip(answer.norms, reference.norms)]
    cosines = [product / norm for product, norm in zip(products, norms) if norm]
    excess = answer.num_bigrams - reference.num_bigrams
    return math.exp(-(excess**2) / (2 * _SIGMA**2)) * sum(cosines) / ORDER
