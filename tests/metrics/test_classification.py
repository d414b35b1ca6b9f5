import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnmm.metrics.classification import (
    accuracy,
    confusion_matrix,
    mean_class_accuracy,
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
