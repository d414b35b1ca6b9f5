"""N-gram language models: counted with Kneser-Ney, asked for probabilities."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce

from rnnmm.domain import Size
from rnnmm.manifest import name_some
from rnnmm.text.history import BEGIN, EMPTY, END, Gram, Histories
from rnnmm.text.vocabulary import UNKNOWN

Counts = dict[Gram, Counter[str]]
"""How often each word follows each history."""

_NEVER = -99.0  # what ARPA files write as the log10-probability of "<s>", which nothing predicts
_FALLBACK = (0.5, 1.0, 1.5)


@dataclass(frozen=True)
class Ngram:
    """A back-off language model over words, as ARPA files hold it.

    A word that was seen behind a history has a probability of its own there; any other has that
    behind the history less its oldest word, times the history's back-off weight. A word that is
    not in the model has the probability of "<unk>", or none if that is not in it either.

    Args:
        log10_probs: of every n-gram, n words each, its last word given the others; base 10.
        log10_backoffs: of histories; 0 for those that are left out.

    Raises:
        ValueError: "</s>" is no unigram: no sentence could end.
    """

    log10_probs: Mapping[Gram, float]
    log10_backoffs: Mapping[Gram, float]

    def __post_init__(self) -> None:
        if (END,) not in self.log10_probs:
            raise ValueError(f'Ngram: expected "{END}" among the unigrams, got none')

    @cached_property
    def order(self) -> int:
        """The number of words of the longest n-gram."""
        return max(map(len, self.log10_probs))

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The words, sorted; without "<s>", "</s>" and "<unk>", which nobody says."""
        every = {gram[0] for gram in self.log10_probs if len(gram) == 1}
        return tuple(sorted(every - {BEGIN, END, UNKNOWN}))

    @cached_property
    def histories(self) -> Histories:
        """What a text leaves behind of itself, word by word."""
        return Histories(self.log10_probs, self.log10_backoffs)

    def log_prob(self, word: str, before: Sequence[str] = ()) -> float:
        """Natural log-probability of a word behind others; ``-inf``: the model lacks it.

        Args:
            word: "</s>" asks for the end.
            before: the words so far, "<s>" first where a sentence begins.
        """
        history = reduce(self.histories.behind, before, EMPTY)
        return self.histories.log_prob(history, word)

    def score(self, sentence: Sequence[str]) -> float:
        """Natural log-probability of a sentence, its end included."""
        total, history = 0.0, self.histories.begin
        for word in (*sentence, END):
            total += self.histories.log_prob(history, word)
            history = self.histories.behind(history, word)
        return total

    def perplexity(self, sentences: Iterable[Sequence[str]]) -> float:
        """How many equally likely words would be as hard to guess; ends count as words.

        Raises:
            ValueError: There are no sentences.
        """
        scores = [(self.score(sentence), len(sentence) + 1) for sentence in sentences]
        if not scores:
            raise ValueError("Ngram.perplexity: expected at least one sentence, got none")
        total, words = (sum(column) for column in zip(*scores))
        return math.exp(-total / words)


def fit_ngram(sentences: Iterable[Sequence[str]], order: Size = 3) -> Ngram:
    """Counts an interpolated, modified Kneser-Ney model.

    Every order has three discounts, estimated from how many of its n-grams occur once, twice,
    three and four times. Where a corpus is too small for that (one of these is 0, or a discount
    comes out of its range), the order takes 0.5, 1 and 1.5. The words are those of the sentences
    and "<unk>", which has its equal share of what the unigrams leave over.

    Args:
        sentences: words each, without "<s>" and "</s>"; "<unk>" may stand for rare words.
        order: the longest n-gram, in words; with 1 a word depends on nothing.

    Raises:
        ValueError: No sentences, ``order`` below 1, or a sentence that holds "<s>", "</s>" or "".

    Source: Chen & Goodman, "An empirical study of smoothing techniques for language modeling"
    (1998), section 3 and equations 3.32 ff.; the fallback and "<unk>" as KenLM has them.

    Example:
        >>> model = fit_ngram([["yes"], ["no"], ["yes"]], order=2)
        >>> round(math.exp(model.log_prob("yes", ["<s>"])), 3)
        0.458
    """
    if order < 1:
        raise ValueError(f"fit_ngram: expected order >= 1, got {order}")
    counts = _count(sentences, order)
    log10_probs: dict[Gram, float] = {} if order == 1 else {(BEGIN,): _NEVER}
    log10_backoffs: dict[Gram, float] = {}
    below: dict[Gram, float] = {}
    for followers in counts:
        below, backoffs = _interpolate(followers, below)
        log10_probs |= {gram: math.log10(prob) for gram, prob in below.items()}
        log10_backoffs |= {gram: math.log10(w) for gram, w in backoffs.items() if gram}
    return Ngram(log10_probs, log10_backoffs)


def _count(sentences: Iterable[Sequence[str]], order: int) -> list[Counts]:
    """Of each order the counts it is estimated from.

    The highest order counts occurrences. Those below count the distinct words in front of an
    n-gram, except where it begins a sentence, since nothing stands in front of "<s>".
    """
    grams: list[Counter[Gram]] = [Counter() for _ in range(order)]
    padded = [_padded(sentence) for sentence in sentences]
    if not padded:
        raise ValueError("fit_ngram: expected at least one sentence, got none")
    for words in padded:
        for end in range(2, len(words) + 1):
            for n in range(1, min(order, end) + 1):
                grams[n - 1][words[end - n : end]] += 1
    for n in range(order - 1):
        kinds = Counter(gram[1:] for gram in grams[n + 1])
        grams[n] = Counter({
            gram: count if gram[0] == BEGIN else kinds[gram] for gram, count in grams[n].items()
        })  # fmt: skip
    return [_by_history(one) for one in grams]


def _padded(sentence: Sequence[str]) -> Gram:
    bad = [repr(word) for word in sentence if word in (BEGIN, END, "")]
    if bad:
        raise ValueError(
            f"fit_ngram: expected words, got {name_some(bad)} in {' '.join(sentence)!r}; the ends "
            f"of sentences are added here"
        )
    # As ARPA files are read: "<UNK>" is no other word than "<unk>".
    return (BEGIN, *(UNKNOWN if word.lower() == UNKNOWN else word for word in sentence), END)


def _by_history(grams: Counter[Gram]) -> Counts:
    found: Counts = defaultdict(Counter)
    for gram, count in grams.items():
        found[gram[:-1]][gram[-1]] = count
    return dict(found)


def _interpolate(
    counts: Counts, below: Mapping[Gram, float]
) -> tuple[dict[Gram, float], dict[Gram, float]]:
    """The probabilities of one order's n-grams, and how much each history leaves over.

    Args:
        counts: of this order.
        below: probabilities of the order below; empty: this is the first.
    """
    discounts = estimate_discounts(
        count for followers in counts.values() for count in followers.values()
    )
    probs, left_over = {}, {}
    for history, followers in counts.items():
        if not history:
            followers = Counter({UNKNOWN: 0, **followers})
        total = followers.total()
        taken = [discounts[min(count, 3) - 1] if count else 0.0 for count in followers.values()]
        left_over[history] = sum(taken) / total
        for (word, count), discount in zip(followers.items(), taken):
            lower = below[(*history[1:], word)] if below else 1 / len(followers)
            probs[(*history, word)] = (count - discount) / total + left_over[history] * lower
    return probs, left_over


def estimate_discounts(counts: Iterable[int]) -> tuple[float, float, float]:
    """What modified Kneser-Ney takes from n-grams that occur once, twice and more often.

    Args:
        counts: of the n-grams of one order.

    Returns:
        Each in (0, its count]; 0.5, 1 and 1.5 if they cannot be estimated.
    """
    kinds = Counter(counts)
    if not all(kinds[n] for n in (1, 2, 3, 4)):
        return _FALLBACK
    share = kinds[1] / (kinds[1] + 2 * kinds[2])
    first, second, third = (n - (n + 1) * share * kinds[n + 1] / kinds[n] for n in (1, 2, 3))
    if not (0 < first <= 1 and 0 < second <= 2 and 0 < third <= 3):
        return _FALLBACK
    return first, second, third
