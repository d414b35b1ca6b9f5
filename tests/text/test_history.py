import math

import pytest

from rnnmm.text.history import EMPTY, Histories
from rnnmm.text.ngram import fit_ngram


def test_texts_share_a_history_exactly_as_far_as_the_model_tells_them_apart() -> None:
    histories = fit_ngram([["a", "b", "c"], ["b", "b"]], order=3).histories
    after = {
        text: histories.behind(histories.behind(EMPTY, text[0]), text[1])
        for text in ("ab", "bb", "cb", "ac", "bc", "ba", "xa", "xx", "xy")
    }
    assert after["ab"] != after["bb"] != after["cb"]
    assert after["cb"] == histories.behind(EMPTY, "b")  # "c b" never occurred
    assert after["ba"] == after["xa"] == histories.behind(EMPTY, "a")
    assert after["xx"] == after["xy"]  # words the model lacks are one
    assert after["ac"] == histories.behind(EMPTY, "c") != after["bc"]


def test_what_was_not_seen_is_charged_the_backoffs() -> None:
    histories = Histories(
        {("</s>",): -1.0, ("a",): -0.5, ("b",): -0.6, ("a", "a"): -0.1, ("b", "a", "a"): -0.2},
        {("a",): -0.4, ("b", "a"): -0.3},
    )
    a = histories.behind(EMPTY, "a")
    ba = histories.behind(histories.behind(EMPTY, "b"), "a")
    log10 = {word: histories.log_prob(ba, word) / math.log(10) for word in ("a", "b", "</s>")}
    assert log10 == pytest.approx({"a": -0.2, "b": -0.3 - 0.4 - 0.6, "</s>": -0.3 - 0.4 - 1.0})
    assert histories.log_prob(a, "a") / math.log(10) == pytest.approx(-0.1)
    assert histories.log_prob(ba, "zzz") == -math.inf


def test_a_history_whose_beginning_was_pruned_is_still_reached() -> None:
    """A trigram without the bigram it begins with, as pruned models have them."""
    histories = Histories(
        {("</s>",): -1.0, ("a",): -0.5, ("b",): -0.6, ("a", "b", "a"): -0.1}, {("b",): -0.7}
    )
    ab = histories.behind(histories.behind(EMPTY, "a"), "b")
    assert histories.log_prob(ab, "a") / math.log(10) == pytest.approx(-0.1)
    assert histories.log_prob(ab, "b") / math.log(10) == pytest.approx(-0.7 - 0.6)
