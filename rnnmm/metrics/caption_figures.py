"""All figures of a set of captions, and what stands beside them: floor, ceiling, variety.

The floor is one caption for everything. The ceiling is a person against the others: of every item
with two references or more one is taken as the answer and the rest as what is right, in turns.
It has one reference less to be right by than a model, so a good model may pass it.
"""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from rnnmm.metrics.caption import bleu, cider_d, diversity, rouge_l
from rnnmm.metrics.ngram import Caption

_MOST_TURNS = 5


def caption_figures(
    references: Sequence[Sequence[Caption]], hypotheses: Sequence[Caption]
) -> dict[str, float]:
    """BLEU-1 to BLEU-4, ROUGE-L and CIDEr-D by name. Args and errors as in `bleu`."""
    corpus = bleu(references, hypotheses).corpus
    return {
        **{f"bleu_{n}": value for n, value in enumerate(corpus, start=1)},
        "rouge_l": rouge_l(references, hypotheses).corpus,
        "cider_d": cider_d(references, hypotheses).corpus,
    }


def ceiling_figures(references: Sequence[Sequence[Caption]]) -> dict[str, float]:
    """What a person reaches against the others, the mean over at most five turns.

    Args:
        references: ``(I, R_i)`` captions; items with one alone are left out.

    Returns:
        Figures as of `caption_figures`; empty where no item has two references.
    """
    several = [captions for captions in references if len(captions) > 1]
    if not several:
        return {}
    turns = min(_MOST_TURNS, max(map(len, several)))
    figures = [_turn_figures(several, turn) for turn in range(turns)]
    return {name: float(np.mean([one[name] for one in figures])) for name in figures[0]}


def variety(
    hypotheses: Sequence[Caption], vocabulary: Collection[str] | None = None
) -> dict[str, Any]:
    """How much the answers vary, by name; see `rnnmm.metrics.caption.Diversity`.

    Args:
        hypotheses: ``(I,)`` captions.
        vocabulary: the words that are known; None: any.
    """
    varied = diversity(hypotheses)
    words = [word for caption in hypotheses for word in caption]
    known = words if vocabulary is None else vocabulary
    return {
        "unique_ratio": varied.unique,
        "vocabulary_used": varied.vocabulary,
        "repetition": varied.repetition,
        "unknown_words": unknown_ratio(hypotheses, set(known)),
        "mean_length": len(words) / len(hypotheses),
    }


def unknown_ratio(captions: Sequence[Caption], known: Collection[str]) -> float:
    """The share of words that are not among the known ones; "<unk>" never is."""
    words = [word for caption in captions for word in caption]
    return sum(word not in known or word in UNKNOWNS for word in words) / max(1, len(words))


UNKNOWNS = frozenset({"<unk>", "unk", "-lrb-unk-rrb-"})
"""How toolkits write a word outside their vocabulary, as tokens."""


def novelty(hypotheses: Sequence[Caption], training: Sequence[Caption]) -> float:
    """The share of answers that are no caption of the training split, word by word."""
    known = set(map(tuple, training))
    return sum(tuple(one) not in known for one in hypotheses) / len(hypotheses)


def _turn_figures(references: Sequence[Sequence[Caption]], turn: int) -> dict[str, float]:
    answers, rest = [], []
    for captions in references:
        chosen = turn % len(captions)
        answers.append(captions[chosen])
        rest.append([*captions[:chosen], *captions[chosen + 1 :]])
    return caption_figures(rest, answers)
