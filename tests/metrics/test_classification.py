import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnmm.metrics.classification import (
    accuracy,
    confusion_matrix,
    majority_class,
    mean_class_accuracy,
    top_k_accuracy,
    top_k_hits,
)

REFERENCES = ["a", "a", "a", "b"]
PREDICTIONS = ["a", "a", "b", "c"]

pairs = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1)


def test_accuracies():
    assert accuracy(REFERENCES, PREDICTIONS) == 0.5
    assert mean_class_accuracy(REFERENCES, PREDICTIONS) == pytest.approx((2 / 3 + 0) / 2)


def test_a_class_outside_counts_as_wrong():
    assert accuracy([0, -1], [0, 0]) == 0.5
    assert mean_class_accuracy([0, -1], [0, 0]) == 0.5


def test_confusion_matrix_has_references_in_rows():
    matrix = confusion_matrix(REFERENCES, PREDICTIONS, ["a", "b", "c"])
    assert matrix.tolist() == [[2, 1, 0], [0, 0, 1], [0, 0, 0]]


@given(pairs, pairs)
def test_confusion_matrices_add_and_give_the_accuracies(first, second):
    def matrix(items):
        return confusion_matrix(*zip(*items), classes=range(4))

    whole = matrix(first + second)
    assert (whole == matrix(first) + matrix(second)).all()
    references, predictions = zip(*first, *second)
    assert accuracy(references, predictions) == np.trace(whole) / whole.sum()
    rows = whole.sum(axis=1) > 0
    recalls = np.diag(whole)[rows] / whole.sum(axis=1)[rows]
    assert mean_class_accuracy(references, predictions) == pytest.approx(recalls.mean())


SCORES = np.array([[0.1, 0.5, 0.4], [0.2, 0.2, 0.2], [0.9, 0.0, 0.1], [0.3, 0.3, 0.4]])


@pytest.mark.parametrize(
    ("k", "hits"),
    [(1, [0, 1, 0, 0]), (2, [1, 1, 0, 0]), (3, [1, 1, 1, 0]), (9, [1, 1, 1, 0])],
)
def test_top_k_breaks_ties_by_index_and_never_hits_the_class_outside(k, hits):
    references = [2, 0, 1, -1]
    assert top_k_hits(references, SCORES, k).tolist() == list(map(bool, hits))
    assert top_k_accuracy(references, SCORES, k) == sum(hits) / 4


@given(st.integers(0, 2**32 - 1))
def test_top_1_is_the_accuracy_of_argmax(seed):
    generator = np.random.default_rng(seed)
    scores = generator.integers(0, 3, (20, 4)).astype(float)  # many ties
    references = generator.integers(0, 4, 20).tolist()
    predictions = scores.argmax(axis=1).tolist()
    assert top_k_accuracy(references, scores, 1) == accuracy(references, predictions)


def test_majority_class_breaks_ties_by_name():
    assert majority_class(["b", "c", "a", "c", "b"]) == "b"
    assert majority_class(["b"]) == "b"


@pytest.mark.parametrize("metric", [accuracy, mean_class_accuracy])
@pytest.mark.parametrize(("references", "predictions"), [([], []), ([1], [1, 2])])
def test_lists_that_do_not_pair_are_refused(metric, references, predictions):
    with pytest.raises(ValueError, match="expected as many predictions as references"):
        metric(references, predictions)


def test_confusion_matrix_refuses_what_it_has_no_row_for():
    with pytest.raises(ValueError, match="expected one of 2 classes, got 'c'"):
        confusion_matrix(REFERENCES, PREDICTIONS, ["a", "b"])
    with pytest.raises(ValueError, match="expected distinct classes"):
        confusion_matrix(["a"], ["a"], ["a", "a"])
    with pytest.raises(ValueError, match="expected as many predictions"):
        confusion_matrix([], [], ["a"])


@pytest.mark.parametrize(
    ("references", "scores", "k", "message"),
    [
        ([0], [[1.0]], 0, "expected k >= 1, got 0"),
        ([], np.zeros((0, 3)), 1, "at least one item"),
        ([0, 1], [[1.0, 2.0]], 1, r"got \(2,\) and \(1, 2\)"),
        ([0], [1.0], 1, r"expected references \(I,\) and scores \(I, K\)"),
        ([0], [[np.nan, 1.0]], 1, "expected scores without NaN"),
    ],
)
def test_top_k_refuses_bad_scores(references, scores, k, message):
    with pytest.raises(ValueError, match=message):
        top_k_hits(references, np.asarray(scores), k)


def test_majority_class_needs_a_label():
    with pytest.raises(ValueError, match="expected at least one label, got none"):
        majority_class([])
