import random

import numpy as np
import pytest

from rnnmm.metrics.caption import bleu, cider_d, rouge_l
from rnnmm.metrics.caption_figures import (
    caption_figures,
    ceiling_figures,
    novelty,
    unknown_ratio,
    variety,
)

WORDS = ["a", "man", "dog", "runs", "and", "sits", "on", "the", "red", "grass", "two", "of"]


def random_sets(count: int) -> tuple[list[list[list[str]]], list[list[str]]]:
    """Corpora in one: captions of 0 to 12 words, 1 to 5 references each."""
    chance = random.Random(0)

    def caption(least: int) -> list[str]:
        return chance.choices(WORDS, k=chance.randint(least, 12))

    references = [[caption(1) for _ in range(chance.randint(1, 5))] for _ in range(count)]
    return references, [caption(0) for _ in range(count)]


def test_a_thousand_random_caption_sets_score_as_pycocoevalcap() -> None:
    pytest.importorskip("pycocoevalcap")
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    references, answers = random_sets(1000)
    truth = {i: [" ".join(one) for one in refs] for i, refs in enumerate(references)}
    given = {i: [" ".join(one)] for i, one in enumerate(answers)}
    corpus, per_item = Bleu(4).compute_score(truth, given, verbose=0)
    figures = caption_figures(references, answers)
    assert [figures[f"bleu_{n}"] for n in (1, 2, 3, 4)] == pytest.approx(corpus, abs=1e-9)
    np.testing.assert_allclose(bleu(references, answers).items, np.array(per_item).T, atol=1e-9)
    for scorer, name, ours in ((Rouge(), "rouge_l", rouge_l), (Cider(), "cider_d", cider_d)):
        mean, items = scorer.compute_score(truth, given)
        assert figures[name] == pytest.approx(mean, abs=1e-9)
        np.testing.assert_allclose(ours(references, answers).items, items, atol=1e-9)


def test_the_ceiling_is_a_person_against_the_others_in_turns() -> None:
    one, two, three = ["a", "man", "runs"], ["a", "dog", "runs"], ["a", "dog", "sits"]
    references = [[one, two], [three, two, one], [two]]  # the last has nobody to compare with
    turns = [
        ([[two], [two, one]], [one, three]),
        ([[one], [three, one]], [two, two]),
        ([[two], [three, two]], [one, one]),  # who has two references begins again
    ]
    found = ceiling_figures(references)
    for name in ("bleu_1", "rouge_l", "cider_d"):
        expected = sum(caption_figures(*turn)[name] for turn in turns) / 3
        assert found[name] == pytest.approx(expected)
    assert ceiling_figures([[one], [two]]) == {}


def test_how_answers_vary() -> None:
    answers = [["a", "dog"], ["a", "dog"], ["<unk>", "yak", "a", "dog"], []]
    found = variety(answers, {"a", "dog", "<unk>"})
    assert found["unique_ratio"] == 3 / 4
    assert found["vocabulary_used"] == 4
    assert found["unknown_words"] == 2 / 8
    assert found["mean_length"] == 2.0
    assert variety(answers)["unknown_words"] == 1 / 8
    assert unknown_ratio([], {"a"}) == 0.0


def test_novel_is_what_nobody_wrote_for_training() -> None:
    training = [["a", "dog"], ["two", "dogs"]]
    assert novelty([["a", "dog"], ["a", "cat"], ["a"], ["two", "dogs"]], training) == 0.5
