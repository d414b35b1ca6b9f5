import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from rnnmm.metrics.classification import (
    accuracy,
    average_precision,
    average_precisions,
    class_figures,
    confusion_matrix,
    mean_class_accuracy,
    mean_of_known,
    redrawn_precision,
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


def test_each_class_has_its_figures():
    matrix = confusion_matrix(REFERENCES, PREDICTIONS, ["a", "b", "c", "d"])
    assert class_figures(["a", "b", "c", "d"], matrix) == {
        "a": {"items": 3, "answers": 2, "recall": 2 / 3, "precision": 1.0},
        "b": {"items": 1, "answers": 1, "recall": 0.0, "precision": 0.0},
        "c": {"items": 0, "answers": 1, "recall": None, "precision": 0.0},
        "d": {"items": 0, "answers": 0, "recall": None, "precision": None},
    }


@pytest.mark.parametrize("levels", [3, 10, 10_000])  # of the scores: many ties, few, none
def test_average_precision_is_that_of_scikit_learn(levels):
    rng = np.random.default_rng(levels)
    for _ in range(50):
        size = int(rng.integers(1, 30))
        truth = rng.random(size) < rng.random()
        scores = rng.integers(0, levels, size) / levels
        if truth.any():
            expected = average_precision_score(truth, scores)
            assert average_precision(truth, scores) == pytest.approx(expected, abs=1e-12)
        else:
            assert np.isnan(average_precision(truth, scores))


def test_items_that_count_several_times_are_as_so_many_items():
    rng = np.random.default_rng(0)
    for _ in range(30):
        truth, scores = rng.random(12) < 0.4, rng.integers(0, 6, 12) / 6
        times = rng.multinomial(12, np.full(12, 1 / 12))
        repeated = average_precision(truth.repeat(times), scores.repeat(times))
        counted = average_precision(truth, scores, times)
        assert counted == pytest.approx(repeated, nan_ok=True, abs=1e-12)


def test_the_mean_is_over_labels_that_occur():
    truth = np.array([[1, 0, 0], [0, 0, 1]], bool)
    scores = np.array([[0.9, 0.5, 0.6], [0.2, 0.5, 0.4]])
    each = average_precisions(truth, scores)
    assert each[::2] == [1.0, 0.5] and np.isnan(each[1])
    assert mean_of_known(each) == 0.75
    assert np.isnan(mean_of_known([np.nan]))
    redraw = redrawn_precision(truth, scores)
    assert redraw.num_units == 2
    assert redraw.figure(np.array([1, 1])) == 0.75
    assert redraw.figure(np.array([2, 0])) == 1.0
