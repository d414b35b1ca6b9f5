import pytest
import torch

from rnnmm.decode.fusion import Weighted
from rnnmm.decode.ngram import TokenFusion, WordFusion, name_tokens
from rnnmm.text.ngram import fit_ngram
from rnnmm.text.vocabulary import Vocabulary

TEXTS = ["one two", "two two one", "on"]
CHARS = Vocabulary.fit(TEXTS, "char", ("<blank>",))
WORDS = Vocabulary.fit(TEXTS, "word", ("<blank>",))


def score(weighted: Weighted, tokens: list[int]) -> float:
    state, total = weighted.scorer.initial_state(1), 0.0
    for token in tokens:
        total += float(weighted.scorer.scores(state)[0, token])
        state = weighted.scorer.advance(state, torch.tensor([token]))
    return total + float(weighted.scorer.final_scores(state)[0])


@pytest.mark.parametrize("vocabulary", [CHARS, WORDS])
def test_words_score_alike_however_tokens_write_them(vocabulary: Vocabulary) -> None:
    (lm,) = WordFusion(order=2, weight=0.7).learn(TEXTS, vocabulary)
    ngram = fit_ngram([text.split() for text in TEXTS], 2)
    for text in ("one two", "two", "on one one"):
        assert score(lm, vocabulary.encode(text)) == pytest.approx(ngram.score(text.split()))
    assert lm.weight == 0.7


@pytest.mark.parametrize("vocabulary", [CHARS, WORDS])
def test_words_are_counted(vocabulary: Vocabulary) -> None:
    _, bonus = WordFusion(word_bonus=-0.5).learn(TEXTS, vocabulary)
    assert [score(bonus, vocabulary.encode(text)) for text in ("", "one", "on one two")] == [
        0,
        1,
        3,
    ]
    assert bonus.weight == -0.5


def test_settings_reach_the_words() -> None:
    text = CHARS.encode("oo")
    scores = [
        score(WordFusion(**settings).learn(TEXTS, CHARS)[0], text)
        for settings in ({"unknown_penalty": 0.0}, {"unknown_penalty": 4.0}, {"closed": True})
    ]
    assert scores[0] == pytest.approx(scores[1] + 4.0)
    assert scores[2] == -torch.inf


def test_tokens_score_as_the_words_of_their_own_ngram() -> None:
    (lm,) = TokenFusion(order=3, weight=0.2).learn(TEXTS, CHARS)
    ngram = fit_ngram([list(text.replace(" ", "\u2581")) for text in TEXTS], 3)
    for text in ("one", "two on", "", "w w"):
        expected = ngram.score(list(text.replace(" ", "\u2581")))
        assert score(lm, CHARS.encode(text)) == pytest.approx(expected)
    assert name_tokens(CHARS) == [None, "\u2581", "e", "n", "o", "t", "w"]


def test_nothing_scores_a_blank() -> None:
    for fusion in (WordFusion(), TokenFusion()):
        (lm,) = fusion.learn(TEXTS, CHARS)
        assert float(lm.scorer.scores(lm.scorer.initial_state(1))[0, 0]) == -torch.inf
