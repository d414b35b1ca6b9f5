import math

import pytest

from rnnmm.metrics.ngram import TfIdf, inverse_frequencies, ngrams


def test_ngrams_of_one_to_four_tokens_with_repetitions():
    assert sorted(ngrams(["a", "b", "a"])) == [
        ("a",), ("a",), ("a", "b"), ("a", "b", "a"), ("b",), ("b", "a"),
    ]  # fmt: skip
    assert max(map(len, ngrams(list("abcdefg")))) == 4
    assert list(ngrams([])) == []


def test_an_item_counts_once_however_many_of_its_references_hold_the_ngram():
    weights = inverse_frequencies([[["a", "b"], ["a"]], [["a"]], [["c"]]])
    assert weights == {
        ("a",): math.log(3 / 2), ("b",): math.log(3), ("a", "b"): math.log(3), ("c",): math.log(3),
    }  # fmt: skip


def test_vector_weighs_counts_and_is_scaled_per_n():
    vector = TfIdf.of(["a", "b", "b"], {("a",): 3.0, ("b",): 2.0, ("a", "b"): 0.0}, unseen=1.0)
    assert vector.weights[("b",)] == 4.0 and vector.weights[("b", "b")] == 1.0
    assert vector.norms == (5.0, 1.0, 1.0, 0.0)
    assert vector.num_bigrams == 2
    unit = vector.unit()
    assert (unit[("a",)], unit[("b",)], unit[("b", "b")]) == pytest.approx((0.6, 0.8, 1.0))


def test_vectors_without_length_have_no_unit():
    vector = TfIdf.of(["a"], {("a",): 0.0}, unseen=1.0)
    assert vector.unit() == {} and vector.num_bigrams == 0
    assert TfIdf.of([], {}, 1.0) == ({}, (0.0,) * 4, 0)
