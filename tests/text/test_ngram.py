import itertools
import math
import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnmm.text.ngram import Ngram, estimate_discounts, fit_ngram

Sentences = list[list[str]]

corpora = st.lists(st.lists(st.sampled_from("abc"), max_size=5), min_size=1, max_size=8)
orders = st.integers(1, 4)


def spoken(seed: int, num_sentences: int) -> Sentences:
    """Sentences of a small language in which the last two words matter."""
    generator, words = random.Random(seed), "abcdefgh"
    sentences = []
    for _ in range(num_sentences):
        sentence = [generator.choice(words)]
        while generator.random() < 0.8:
            last = ord(sentence[-1]) + 2 * ord(sentence[-2] if len(sentence) > 1 else "a")
            sentence.append(words[(last + generator.choice([0, 0, 1, 3])) % len(words)])
        sentences.append(sentence)
    return sentences


def histories(model: Ngram, length: int) -> list[tuple[str, ...]]:
    words = [*model.words, "<unk>"]
    inside = [h for n in range(length + 1) for h in itertools.product(words, repeat=n)]
    return inside + [("<s>", *history) for history in inside]


@given(corpora, orders)
@settings(max_examples=40, deadline=None)
def test_probabilities_behind_every_history_sum_to_one(sentences: Sentences, order: int) -> None:
    model = fit_ngram(sentences, order)
    for history in histories(model, 2):
        words = (*model.words, "</s>", "<unk>")
        total = math.fsum(math.exp(model.log_prob(word, history)) for word in words)
        assert total == pytest.approx(1.0, abs=1e-9)


def slow_prob(word: str, history: tuple[str, ...], sentences: Sentences, order: int) -> float:
    """Equation by equation, counting the corpus anew for each; histories of < ``order`` words."""
    n = len(history) + 1
    kinds = len({w for sentence in sentences for w in sentence} | {"</s>", "<unk>"})
    lower = 1 / kinds if n == 1 else slow_prob(word, history[1:], sentences, order)
    counts = slow_counts(sentences, n, order)
    behind = {gram[-1]: count for gram, count in counts.items() if gram[:-1] == history}
    if not behind:
        return lower
    discounts = estimate_discounts(counts.values())
    taken = {w: discounts[min(count, 3) - 1] for w, count in behind.items()}
    total = sum(behind.values())
    seen = (behind.get(word, 0) - taken.get(word, 0.0)) / total
    return seen + sum(taken.values()) / total * lower


def slow_counts(sentences: Sentences, n: int, order: int) -> dict[tuple[str, ...], int]:
    padded = [("<s>", *sentence, "</s>") for sentence in sentences]
    windows = [tuple(s[i : i + n]) for s in padded for i in range(len(s) - n + 1)]
    seen = {gram: count for gram, count in Counter(windows).items() if gram != ("<s>",)}
    if n == order:
        return seen
    wider = {tuple(s[i : i + n + 1]) for s in padded for i in range(len(s) - n)}
    return {
        gram: count if gram[0] == "<s>" else sum(other[1:] == gram for other in wider)
        for gram, count in seen.items()
    }


@given(st.integers(0, 10**6), st.sampled_from([3, 60]), orders)
@settings(max_examples=12, deadline=None)
def test_every_probability_is_that_of_the_formula(seed: int, size: int, order: int) -> None:
    sentences, generator = spoken(seed, size), random.Random(seed)
    model = fit_ngram(sentences, order)
    words = [*model.words, "zzz", "</s>"]
    for _ in range(20):
        history = tuple(generator.choices(words[:-1], k=generator.randrange(order)))
        word = generator.choice(words)
        known = tuple("<unk>" if one == "zzz" else one for one in history)
        expected = slow_prob(word.replace("zzz", "<unk>"), known, sentences, order)
        assert math.exp(model.log_prob(word, history)) == pytest.approx(expected, rel=1e-9)


def test_a_corpus_small_enough_to_count_by_hand() -> None:
    model = fit_ngram([["yes"], ["no"], ["yes"]], order=2)
    # Unigrams by the words in front of them: yes 1 (<s>), no 1 (<s>), </s> 2 (yes, no); of 4.
    # Discounts 0.5, 1: taken 0.5 + 0.5 + 1 = 2 of 4, shared by 4 words: 0.125 each.
    unigrams = {"yes": 0.25, "no": 0.25, "</s>": 0.375, "<unk>": 0.125}
    for word, probability in unigrams.items():
        assert math.exp(model.log_prob(word)) == pytest.approx(probability)
    # Behind <s>: yes 2, no 1; discounts 1 and 0.5 leave 1.5 / 3 to the unigrams.
    assert math.exp(model.log_prob("yes", ["<s>"])) == pytest.approx(1 / 3 + 0.5 * 0.25)
    assert math.exp(model.log_prob("no", ["<s>"])) == pytest.approx(0.5 / 3 + 0.5 * 0.25)
    assert math.exp(model.log_prob("huh", ["<s>"])) == pytest.approx(0.5 * 0.125)


def test_a_sentence_is_the_sum_of_its_words_and_its_end() -> None:
    model = fit_ngram(spoken(0, 40), order=3)
    for sentence in (["a"], ["a", "b", "zzz", "c"], []):
        words = ["<s>", *sentence, "</s>"]
        parts = [model.log_prob(word, words[:n]) for n, word in enumerate(words) if n]
        assert model.score(sentence) == pytest.approx(math.fsum(parts))


def test_perplexity_is_the_inverse_mean_probability() -> None:
    model = fit_ngram(spoken(0, 40), order=2)
    sentences = [["a", "b"], ["c"]]
    total = sum(map(model.score, sentences))
    assert model.perplexity(sentences) == pytest.approx(math.exp(-total / 5))


def test_longer_histories_help_where_words_depend_on_them() -> None:
    train, test = spoken(1, 400), spoken(2, 100)
    one, two, three = (fit_ngram(train, order).perplexity(test) for order in (1, 2, 3))
    assert three < 0.8 * two < two < one


def test_what_a_corpus_is_too_small_for_falls_back() -> None:
    assert estimate_discounts([1, 2, 3]) == (0.5, 1.0, 1.5)
    assert estimate_discounts([]) == (0.5, 1.0, 1.5)
    # Y = 4 / 8; the third discount would be 3 - 4 Y 20 / 1 < 0.
    assert estimate_discounts([1] * 4 + [2] * 2 + [3] + [4] * 20) == (0.5, 1.0, 1.5)


def test_discounts_are_those_of_chen_and_goodman() -> None:
    counts = [1] * 40 + [2] * 15 + [3] * 8 + [4] * 5 + [9] * 3
    share = 40 / (40 + 2 * 15)
    expected = (1 - 2 * share * 15 / 40, 2 - 3 * share * 8 / 15, 3 - 4 * share * 5 / 8)
    assert estimate_discounts(counts) == pytest.approx(expected)


def test_a_corpus_without_words_says_nothing() -> None:
    model = fit_ngram([[], []], order=3)
    assert model.words == ()
    assert model.score([]) > model.score(["a"]) > -math.inf


def test_unknown_words_of_the_corpus_count_as_such() -> None:
    model = fit_ngram([["a", "<unk>", "b"]] * 3, order=2)
    assert model.words == ("a", "b")
    assert model.log_prob("zzz", ["a"]) > model.log_prob("b", ["a"])


def test_without_unknown_words_in_it_a_model_gives_them_no_chance() -> None:
    model = Ngram({("</s>",): -0.3, ("a",): -0.3}, {})
    assert model.log_prob("zzz") == -math.inf
    assert model.perplexity([["zzz"]]) == math.inf


@pytest.mark.parametrize("sentence", [["a", "<s>"], ["</s>"], ["a", ""]])
def test_what_is_no_word_is_named(sentence: list[str]) -> None:
    with pytest.raises(ValueError, match=r"fit_ngram: expected words, got '.*' in"):
        fit_ngram([["a"], sentence])


def test_nothing_to_count_is_said() -> None:
    with pytest.raises(ValueError, match="fit_ngram: expected at least one sentence, got none"):
        fit_ngram([])
    with pytest.raises(ValueError, match="fit_ngram: expected order >= 1, got 0"):
        fit_ngram([["a"]], 0)
    with pytest.raises(ValueError, match="perplexity: expected at least one sentence, got none"):
        fit_ngram([["a"]]).perplexity([])
    with pytest.raises(ValueError, match='Ngram: expected "</s>" among the unigrams, got none'):
        Ngram({("a",): -0.3}, {})
