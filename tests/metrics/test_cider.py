import random

import pytest

from rnnmm.metrics.caption import BleuReferences, bleu, cider_d
from rnnmm.metrics.cider import CiderReferences

WORDS = ["a", "man", "dog", "runs", "and", "sits", "on", "the", "red", "grass"]


def captions(count: int, seed: int) -> list[list[str]]:
    chance = random.Random(seed)
    return [chance.choices(WORDS, k=chance.randint(1, 9)) for _ in range(count)]


def test_references_looked_at_once_score_as_the_metric() -> None:
    references = [captions(3, seed) for seed in range(6)]
    answers = captions(6, 9)
    known = CiderReferences.of(references)
    expected = cider_d(references, answers).items
    for _ in range(2):  # nothing is used up
        scores = [known.score(item, answer) for item, answer in enumerate(answers)]
        assert scores == pytest.approx(expected)
    # The rarity of words is that of the references, whichever items are asked for.
    assert known.score(4, answers[4]) == pytest.approx(expected[4])
    per_item = bleu(references, answers).items
    for refs, answer, scores in zip(references, answers, per_item):
        assert BleuReferences.of(refs).count(answer).scores() == scores


def test_an_answer_that_is_the_only_reference_scores_ten() -> None:
    references = [[["a", "man", "runs", "home"]], [["two", "dogs", "sit", "here"]]]
    assert CiderReferences.of(references).score(1, references[1][0]) == pytest.approx(10)
