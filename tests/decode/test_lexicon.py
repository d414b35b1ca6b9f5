import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnmm.decode.lexicon import Spellings, WordAutomaton, spell
from rnnmm.text.ngram import Ngram, fit_ngram
from rnnmm.text.vocabulary import Vocabulary

LETTERS: Spellings = (None, " ", "a", "b")

words = st.lists(st.text("ab", min_size=1, max_size=3), max_size=4)
corpora = st.lists(words, min_size=1, max_size=6).filter(any)


def score(automaton: WordAutomaton, text: str) -> float:
    state, total = automaton.start, 0.0
    for letter in text:
        state, gain = automaton.step(state, letter)
        if gain == -math.inf:
            return gain
        total += gain
    return total + automaton.final(state)


def expected(ngram: Ngram, text: str, penalty: float, closed: bool) -> float:
    unknown = sum(word not in ngram.words for word in text.split())
    if unknown and closed:
        return -math.inf
    return ngram.score(text.split()) - penalty * unknown


@given(corpora, words, st.integers(1, 3), st.booleans(), st.booleans(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_a_text_scores_what_the_ngram_says_of_its_words(
    sentences: list[list[str]], said: list[str], order: int, look_ahead: bool, closed: bool,
    has_space: bool,
) -> None:  # fmt: skip
    ngram = fit_ngram(sentences, order)
    automaton = WordAutomaton(ngram, LETTERS, look_ahead, 3.0, closed)
    text = " ".join(said) + " " * (has_space and bool(said))
    truth = expected(ngram, text, 3.0, closed)
    assert score(automaton, text) == pytest.approx(truth, abs=1e-9)


@given(corpora, words, st.integers(1, 3))
@settings(max_examples=30, deadline=None)
def test_looking_ahead_charges_the_best_word_that_may_still_follow(
    sentences: list[list[str]], said: list[str], order: int
) -> None:
    ngram = fit_ngram(sentences, order)
    automaton, state, total = WordAutomaton(ngram, LETTERS), 0, 0.0
    state = automaton.start
    for n, letter in enumerate(" ".join(said)):
        state, gain = automaton.step(state, letter)
        total += gain
        *complete, last = " ".join(said)[: n + 1].split(" ")
        if any(word not in ngram.words for word in complete):
            return
        before = ["<s>", *complete]
        charged = [ngram.log_prob(word, before[: i + 1]) for i, word in enumerate(complete)]
        hopes = [ngram.log_prob(w, before) for w in ngram.words if last and w.startswith(last)]
        unknown = ngram.log_prob("<unk>", before) - 10.0 if last else 0.0
        assert total == pytest.approx(sum(charged) + max(hopes, default=unknown), abs=1e-9)


def test_without_looking_ahead_a_word_is_charged_where_it_ends() -> None:
    ngram = fit_ngram([["ab", "b"]], 2)
    automaton = WordAutomaton(ngram, LETTERS, look_ahead=False)
    state, gains = automaton.start, []
    for letter in "ab bb":
        state, gain = automaton.step(state, letter)
        gains.append(gain)
    assert gains == pytest.approx([0, 0, ngram.log_prob("ab", ["<s>"]), 0, 0])


def test_spaces_stand_between_words_only() -> None:
    automaton = WordAutomaton(fit_ngram([["a", "b"]], 2), LETTERS)
    assert score(automaton, " a") == score(automaton, "a  b") == score(automaton, " ") == -math.inf
    assert score(automaton, "a b ") == pytest.approx(score(automaton, "a b"))


def test_a_closed_vocabulary_allows_no_letter_that_leads_nowhere() -> None:
    automaton = WordAutomaton(fit_ngram([["aba", "b"]], 2), LETTERS, closed=True)
    state = automaton.start
    assert automaton.step(state, "b")[1] > -math.inf
    state, _ = automaton.step(state, "a")
    assert automaton.step(state, "a")[1] == -math.inf
    assert automaton.step(state, " ")[1] == automaton.final(state) == -math.inf


def test_tokens_that_hold_their_space_may_begin_a_text() -> None:
    ngram = fit_ngram([["a", "b"], ["ab"]], 2)
    automaton = WordAutomaton(ngram, (None, " a", " b", "b", " "))
    for text in (" a b", "a b", " ab"):
        assert score(automaton, text) == pytest.approx(ngram.score(text.split()))
    assert score(automaton, "  a") == -math.inf


def test_a_model_without_unknown_words_charges_its_rarest() -> None:
    ngram = Ngram({("</s>",): -0.5, ("a",): -0.1, ("b",): -2.0}, {})
    automaton = WordAutomaton(ngram, LETTERS, unknown_penalty=1.0)
    rarest, end = -2.0 * math.log(10), -0.5 * math.log(10)
    assert score(automaton, "ab") == pytest.approx(rarest - 1.0 + end)


def test_tokens_are_spelled_as_they_are_joined() -> None:
    chars = Vocabulary.fit(["b a"], "char", ("<blank>",))
    assert spell(chars) == (None, " ", "a", "b")
    assert spell(Vocabulary.fit(["b a"], "word", ("<blank>", "<unk>"))) == (None, None, " a", " b")


def test_words_that_cannot_be_spelled_are_named() -> None:
    with pytest.raises(ValueError, match="expected words of the letters 'ab', got none among 2"):
        WordAutomaton(fit_ngram([["A", "aB"]], 1), LETTERS)
