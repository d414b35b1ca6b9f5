import itertools
import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnmm.decode.hotword import Hotwords, PhraseAutomaton, lint_hotwords
from rnnmm.text.vocabulary import Vocabulary

words = st.sampled_from(["a", "b", "ab", "ba", "c"])
phrases = st.lists(words, min_size=1, max_size=3).map(" ".join)
texts = st.lists(words, max_size=6).map(" ".join) | st.text("ab c", max_size=14)
gains = st.dictionaries(phrases, st.floats(0.1, 9.0), min_size=1, max_size=4)


def score(automaton: PhraseAutomaton, text: str) -> float:
    state, total = automaton.start, 0.0
    for letter in text:
        state, gain = automaton.step(state, letter)
        total += gain
    return total + automaton.final(state)


def count(phrase: str, text: str) -> int:
    return len(re.findall(f"(?={re.escape(f' {phrase} ')})", f" {text} "))


@given(gains, texts)
@settings(max_examples=80, deadline=None)
def test_a_text_gets_the_gain_of_every_phrase_in_it_and_nothing_else(
    gains: dict[str, float], text: str
) -> None:
    expected = math.fsum(gain * count(phrase, text) for phrase, gain in gains.items())
    assert score(PhraseAutomaton(gains), text) == pytest.approx(expected, abs=1e-9)


def test_gains_are_lent_letter_by_letter_and_taken_back() -> None:
    automaton, sums = PhraseAutomaton({"new york": 9.0}), [0.0]
    state = automaton.start
    for letter in "new yo":
        state, gain = automaton.step(state, letter)
        sums.append(sums[-1] + gain)
    assert sums == pytest.approx([0, 1, 2, 3, 4, 5, 6])
    _, gain = automaton.step(state, "u")
    assert sums[-1] + gain == pytest.approx(0.0)
    assert sums[-1] + automaton.final(state) == pytest.approx(0.0)


def test_what_ends_in_the_beginning_of_a_better_phrase_is_lent_that() -> None:
    automaton, total = PhraseAutomaton({"no yes": 0.6, "york": 5.0}), 0.0
    state = automaton.start
    for letter in "no y":
        state, gain = automaton.step(state, letter)
        total += gain
    assert total == pytest.approx(5.0 / 5)


def test_parts_of_words_are_no_phrases() -> None:
    automaton = PhraseAutomaton({"york": 2.0})
    assert [score(automaton, text) for text in ("york", "yorks", "newyork", "york york")] == (
        pytest.approx([2.0, 0.0, 0.0, 4.0])
    )


def test_the_lint_names_what_can_never_be_said() -> None:
    vocabulary = Vocabulary.fit(["new york"], "char", ("<blank>",))
    hotwords = Hotwords(
        dict.fromkeys(["york", "York", "new  york", "", " ", "key", "no key"], 1.0)
    )
    assert lint_hotwords(hotwords, vocabulary, {"york", "new", "no"}) == {
        "York": "no token writes 'Y'; normalise it as the transcripts are",
        "new  york": "expected words with one space between them; "
        "normalise it as the transcripts are",
        "": "expected words with one space between them; normalise it as the transcripts are",
        " ": "expected words with one space between them; normalise it as the transcripts are",
        "key": "'key' is not in the closed vocabulary",
        "no key": "'key' is not in the closed vocabulary",
    }
    assert "key" not in lint_hotwords(hotwords, vocabulary)


def test_the_lint_knows_what_whole_words_can_write() -> None:
    vocabulary = Vocabulary.fit(["new york"], "word", ("<blank>",))
    hotwords = Hotwords({"york new": 1.0, "newyork": 1.0, "ne": 1.0})
    reason = "the tokens cannot be put together to it"
    assert lint_hotwords(hotwords, vocabulary) == {"newyork": reason, "ne": reason}


def test_tokens_are_scored_by_the_text_they_write() -> None:
    for unit in ("char", "word"):
        vocabulary = Vocabulary.fit(["new york"], unit, ("<blank>",))
        (weighted,) = Hotwords({"york": 3.0, "york new": 1.0}).scorers(vocabulary)
        for text in map(" ".join, itertools.product(["new", "york"], repeat=3)):
            state, total = weighted.scorer.initial_state(1), 0.0
            for token in vocabulary.encode(text):
                total += float(weighted.scorer.scores(state)[0, token])
                state = weighted.scorer.advance(state, state[0].new_tensor([token]))
            total += float(weighted.scorer.final_scores(state)[0])
            assert total == pytest.approx(3.0 * count("york", text) + count("york new", text))


@pytest.mark.parametrize("gain", [0.0, -1.0, math.inf, math.nan])
def test_gains_that_are_none_are_refused(gain: float) -> None:
    with pytest.raises(ValueError, match=r"hotword 'york': expected a gain > 0, got"):
        Hotwords({"york": gain})
