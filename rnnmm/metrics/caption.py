"""Caption metrics: BLEU, ROUGE-L and CIDEr-D.

Conventions
    A caption is a list of tokens, as `rnnmm.text.tokenise` makes them. ``references[i]`` are the
    one or more captions that people gave item i, ``hypotheses[i]`` is the one answer.

    All three equal pip's ``pycocoevalcap`` on the same tokens to 1e-9, its habits included:

    * BLEU is of the corpus, with the reference length nearest to the hypothesis (of two, the
      shorter), 1e-15 added above and 1e-9 below, so that it is never quite 0.
    * ROUGE-L takes the best precision and the best recall over the references, which may be two
      different ones, at beta = 1.2; an empty caption counts as one empty token.
    * What it calls CIDEr is CIDEr-D: clipped, a Gaussian length penalty of sigma 6 (the length is
      that in bigrams), times 10. Document frequencies are those of the references evaluated, so
      the figure belongs to the whole set, cannot be summed from parts, and is 0 for one item.

    BLEU and ROUGE-L lie in 0..1, CIDEr-D in 0..10.

Source: Papineni et al., "BLEU" (2002); Lin, "ROUGE" (2004); Vedantam et al., "CIDEr" (2015).
"""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, Self

from rnnmm.metrics.cider import CiderReferences
from rnnmm.metrics.ngram import ORDER, Caption, Ngram, TfIdf, inverse_frequencies, ngrams

_BLEU_TINY, _BLEU_SMALL = 1e-15, 1e-9
_ROUGE_BETA = 1.2


@dataclass(frozen=True, slots=True)
class BleuCounts:
    """What BLEU is computed from; counts of items add up to those of the corpus.

    Args:
        hypothesis_length: tokens answered.
        reference_length: tokens of the references nearest in length.
        guesses: ``(4,)`` n-grams answered, n = 1..4.
        matches: ``(4,)`` those that occur in a reference, each at most as often as there.
    """

    hypothesis_length: int = 0
    reference_length: int = 0
    guesses: tuple[int, ...] = (0,) * ORDER
    matches: tuple[int, ...] = (0,) * ORDER

    def __add__(self, other: "BleuCounts") -> "BleuCounts":
        return BleuCounts(
            self.hypothesis_length + other.hypothesis_length,
            self.reference_length + other.reference_length,
            tuple(a + b for a, b in zip(self.guesses, other.guesses)),
            tuple(a + b for a, b in zip(self.matches, other.matches)),
        )

    def scores(self) -> tuple[float, ...]:
        """BLEU-1 to BLEU-4, ``(4,)``."""
        ratio = (self.hypothesis_length + _BLEU_TINY) / (self.reference_length + _BLEU_SMALL)
        brevity = math.exp(1 - 1 / ratio) if ratio < 1 else 1.0
        product, scores = 1.0, []
        for n, (match, guess) in enumerate(zip(self.matches, self.guesses), start=1):
            product *= (match + _BLEU_TINY) / (guess + _BLEU_SMALL)
            scores.append(brevity * product ** (1 / n))
        return tuple(scores)


@dataclass(frozen=True, slots=True)
class BleuReferences:
    """The references of one item, looked at once.

    Args:
        allowed: how often an n-gram may occur in an answer: as in the one reference where it is
            most frequent.
        lengths: ``(R,)`` tokens of each.
    """

    allowed: Mapping[Ngram, int]
    lengths: tuple[int, ...]

    @classmethod
    def of(cls, references: Sequence[Caption]) -> Self:
        """Looks at ``(R,)`` captions, at least one."""
        allowed: Counter[Ngram] = Counter()
        for reference in references:
            allowed |= Counter(ngrams(reference))  # the larger count of each
        return cls(allowed, tuple(map(len, references)))

    def count(self, hypothesis: Caption) -> BleuCounts:
        """The counts of one answer."""
        length, matches = len(hypothesis), [0] * ORDER
        for ngram, count in Counter(ngrams(hypothesis)).items():
            matches[len(ngram) - 1] += min(count, self.allowed.get(ngram, 0))
        return BleuCounts(
            length,
            min((abs(one - length), one) for one in self.lengths)[1],
            tuple(max(0, length - n) for n in range(ORDER)),
            tuple(matches),
        )


class BleuScores(NamedTuple):
    """corpus: BLEU-1 to BLEU-4. items: ``(I, 4)`` the same of each item. counts: of the corpus."""

    corpus: tuple[float, ...]
    items: tuple[tuple[float, ...], ...]
    counts: BleuCounts


class Scores(NamedTuple):
    """corpus: the figure of the whole set. items: ``(I,)`` of each item; their mean is corpus."""

    corpus: float
    items: tuple[float, ...]


class Diversity(NamedTuple):
    """How much a set of answers varies.

    unique: the share of distinct captions. vocabulary: how many distinct tokens. repetition: the
    share of bigrams that occurred before in the same caption.
    """

    unique: float
    vocabulary: int
    repetition: float


def bleu(references: Sequence[Sequence[Caption]], hypotheses: Sequence[Caption]) -> BleuScores:
    """BLEU-1 to BLEU-4 of a corpus and of each item.

    Args:
        references: ``(I, R_i)`` captions, at least one per item.
        hypotheses: ``(I,)`` captions.

    Raises:
        ValueError: No items, lists of unequal length, an item without reference, or a string in
            the place of a list of tokens.
    """
    _check(references, hypotheses)
    counts = [count_bleu(refs, hyp) for refs, hyp in zip(references, hypotheses)]
    total = sum(counts, BleuCounts())
    return BleuScores(total.scores(), tuple(count.scores() for count in counts), total)


def count_bleu(references: Sequence[Caption], hypothesis: Caption) -> BleuCounts:
    """The counts of one item.

    Args:
        references: ``(R,)`` captions, at least one.
        hypothesis: a caption.
    """
    return BleuReferences.of(references).count(hypothesis)


def rouge_l(references: Sequence[Sequence[Caption]], hypotheses: Sequence[Caption]) -> Scores:
    """ROUGE-L, the mean over items. Args and errors as in `bleu`."""
    _check(references, hypotheses)
    return _mean([_rouge_l(refs, hyp) for refs, hyp in zip(references, hypotheses)])


def cider_d(references: Sequence[Sequence[Caption]], hypotheses: Sequence[Caption]) -> Scores:
    """CIDEr-D, the mean over items. Args and errors as in `bleu`."""
    _check(references, hypotheses)
    known = CiderReferences.of(references)
    return _mean([known.score(item, answer) for item, answer in enumerate(hypotheses)])


def diversity(hypotheses: Sequence[Caption]) -> Diversity:
    """How much answers vary: the same sentence for everything is a fault no mean shows.

    Args:
        hypotheses: ``(I,)`` captions.

    Raises:
        ValueError: No captions, or a string in the place of a list of tokens.
    """
    if not hypotheses:
        raise ValueError("diversity: expected at least one caption, got none")
    for hypothesis in hypotheses:
        _check_tokens(hypothesis)
    bigrams = [list(pairwise(hypothesis)) for hypothesis in hypotheses]
    num_bigrams = sum(map(len, bigrams))
    repeated = num_bigrams - sum(len(set(pairs)) for pairs in bigrams)
    return Diversity(
        len(set(map(tuple, hypotheses))) / len(hypotheses),
        len({token for hypothesis in hypotheses for token in hypothesis}),
        repeated / num_bigrams if num_bigrams else 0.0,
    )


def constant_caption(captions: Sequence[Sequence[Caption]]) -> list[str]:
    """The floor: the one training caption that answers best for every training item.

    It is the caption nearest to all references: of highest mean cosine between tf-idf vectors as
    in CIDEr, the mean of n = 1..4. The sum of all cosines with a caption is one product with the
    sum of the unit vectors, so the cost is linear in the number of tokens. Of equals, the first
    in the order of its tokens.

    Args:
        captions: ``(I, R_i)`` captions of the training items.

    Raises:
        ValueError: No caption with a token, or a string in the place of a list of tokens.
    """
    for caption in (caption for references in captions for caption in references):
        _check_tokens(caption)
    weights = inverse_frequencies(captions)
    distinct: Counter[Ngram] = Counter(
        tuple(c) for references in captions for c in references if c
    )
    if not distinct:
        raise ValueError("constant caption: expected at least one caption with a token, got none")
    units = {caption: TfIdf.of(caption, weights, 0.0).unit() for caption in distinct}
    centroid: defaultdict[Ngram, float] = defaultdict(float)
    for caption, count in sorted(distinct.items()):
        for ngram, weight in units[caption].items():
            centroid[ngram] += count * weight

    def rank(caption: Ngram) -> tuple[float, Ngram]:
        nearness = sum(weight * centroid[ngram] for ngram, weight in units[caption].items())
        return -round(nearness, 9), caption  # rounding errors must not decide between equals

    nearest = min(distinct, key=rank)
    return list(nearest)


def _rouge_l(references: Sequence[Caption], hypothesis: Caption) -> float:
    answer = list(hypothesis) or [""]
    asked = [list(reference) or [""] for reference in references]
    shared = [_common_length(reference, answer) for reference in asked]
    precision = max(shared) / len(answer)
    recall = max(common / len(reference) for common, reference in zip(shared, asked))
    if not precision:
        return 0.0
    square = _ROUGE_BETA**2
    return (1 + square) * precision * recall / (recall + square * precision)


def _common_length(a: Caption, b: Caption) -> int:
    """The length of the longest common subsequence, a column of the table as one integer.

    Source: Hyyrö, "Bit-parallel LCS-length computation revisited" (2004).
    """
    places: dict[str, int] = {}
    for i, token in enumerate(a):
        places[token] = places.get(token, 0) | 1 << i
    full = (1 << len(a)) - 1
    column = full  # bit i is 0 where the table rises by 1 into row i + 1
    for token in b:
        here = column & places.get(token, 0)
        column = ((column + here) | (column - here)) & full
    return len(a) - column.bit_count()


def _mean(items: Sequence[float]) -> Scores:
    return Scores(math.fsum(items) / len(items), tuple(items))


def _check(references: Sequence[Sequence[Caption]], hypotheses: Sequence[Caption]) -> None:
    if len(references) != len(hypotheses) or not hypotheses:
        raise ValueError(
            f"captions: expected references and one hypothesis per item, at least one item, got "
            f"{len(references)} items with references and {len(hypotheses)} hypotheses"
        )
    for index, (captions, hypothesis) in enumerate(zip(references, hypotheses)):
        if not captions:
            raise ValueError(f"captions: expected a reference for item {index}, got none")
        for caption in (*captions, hypothesis):
            _check_tokens(caption)


def _check_tokens(caption: Caption) -> None:
    if isinstance(caption, str):
        raise ValueError(f"captions: expected a list of tokens, got the string {caption!r}")
