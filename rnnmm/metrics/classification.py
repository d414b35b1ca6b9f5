"""Right and wrong classes: accuracy, its mean over classes, confusion, and average precision.

Conventions
    Classes are what the caller names them by, as long as references and predictions agree: names
    or indices. A reference that no prediction can equal, such as -1 for a class unseen in
    training, counts as wrong and is never left out. Figures are fractions of 1.

    Of several labels an item, average precision is the sum of the precisions at which each label
    is found, over how often there is something to find (no interpolation); items of equal score
    are accepted together. Its mean is over the labels that occur.
"""

import math
import operator
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnmm.manifest import name_some
from rnnmm.metrics.interval import Redraw


def accuracy(references: Sequence[Hashable], predictions: Sequence[Hashable]) -> float:
    """The share of items whose prediction is the reference.

    Args:
        references: ``(I,)`` classes.
        predictions: ``(I,)`` classes.

    Raises:
        ValueError: No items, or lists of unequal length.
    """
    _check_paired(references, predictions)
    return float(sum(map(operator.eq, references, predictions)) / len(references))


def mean_class_accuracy(references: Sequence[Hashable], predictions: Sequence[Hashable]) -> float:
    """The mean, over the classes present in the references, of the accuracy in each.

    Args and errors as in `accuracy`.
    """
    _check_paired(references, predictions)
    totals = Counter(references)
    right = Counter(r for r, p in zip(references, predictions) if r == p)
    return sum(right[name] / total for name, total in totals.items()) / len(totals)


def confusion_matrix(
    references: Sequence[Hashable], predictions: Sequence[Hashable], classes: Sequence[Hashable]
) -> NDArray[np.int64]:
    """How often each class was taken for each; matrices of parts of a test set add.

    Args:
        references: ``(I,)`` classes.
        predictions: ``(I,)`` classes.
        classes: ``(K,)`` distinct: the order of rows and columns.

    Returns:
        ``(K, K)`` counts: row = reference, column = prediction.

    Raises:
        ValueError: Lists of unequal length, no items, classes that repeat, or an item outside
            the classes; names it.
    """
    _check_paired(references, predictions)
    place = {name: index for index, name in enumerate(classes)}
    if len(place) != len(classes):
        raise ValueError("confusion matrix: expected distinct classes, got repeated ones")
    strange = [repr(name) for name in Counter([*references, *predictions]) if name not in place]
    if strange:
        raise ValueError(
            f"confusion matrix: expected one of {len(classes)} classes, got {name_some(strange)}"
        )
    matrix = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(matrix, ([place[r] for r in references], [place[p] for p in predictions]), 1)
    return matrix


def class_figures(classes: Sequence[str], matrix: NDArray[np.int64]) -> dict[str, dict[str, Any]]:
    """What became of each class.

    Args:
        classes: ``(K,)`` names.
        matrix: ``(K, K)`` counts of `confusion_matrix`.

    Returns:
        By class: ``items`` of it, ``answers`` of its name, ``recall`` and ``precision``; these are
        None where nothing is to be divided by.
    """
    items, answers, right = matrix.sum(axis=1), matrix.sum(axis=0), matrix.diagonal()
    rows = zip(items.tolist(), answers.tolist(), right.tolist())
    return {
        name: {
            "items": asked,
            "answers": given,
            "recall": hits / asked if asked else None,
            "precision": hits / given if given else None,
        }
        for name, (asked, given, hits) in zip(classes, rows, strict=True)
    }


def average_precision(
    truth: NDArray[np.bool_], scores: NDArray[np.floating], times: NDArray[np.int64] | None = None
) -> float:
    """Of one label over the items.

    Args:
        truth: ``(I,)``, which items carry it.
        scores: ``(I,)``, how surely they do; of any scale.
        times: ``(I,)``, how often each item counts; None: once.

    Returns:
        In 0..1; NaN where no item carries it.

    Source:
        scikit-learn's ``average_precision_score``, to which it is equal.
    """
    weights = np.ones(len(truth), np.int64) if times is None else times
    order = np.argsort(-scores, kind="stable")
    hits, given = np.cumsum((truth * weights)[order]), np.cumsum(weights[order])
    if not len(truth) or not hits[-1]:
        return math.nan
    ranked = scores[order]
    last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))  # of each score
    hits, given = hits[last], np.maximum(given[last], 1)
    return float(np.diff(hits, prepend=0) @ (hits / given) / hits[-1])


def average_precisions(
    truth: NDArray[np.bool_], scores: NDArray[np.floating], times: NDArray[np.int64] | None = None
) -> list[float]:
    """``(I, K)`` truth and scores -> `average_precision` of each of K labels."""
    columns = zip(truth.T, scores.T)
    return [average_precision(one, other, times) for one, other in columns]


def mean_of_known(values: Sequence[float]) -> float:
    """The mean of those that are no NaN; NaN where none is."""
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


def redrawn_precision(truth: NDArray[np.bool_], scores: NDArray[np.floating]) -> Redraw:
    """How the mean average precision comes out when its items are drawn anew."""
    return Redraw(
        len(truth), lambda times: mean_of_known(average_precisions(truth, scores, times))
    )


def _check_paired(references: Sequence[Hashable], predictions: Sequence[Hashable]) -> None:
    if len(references) != len(predictions) or not len(references):
        raise ValueError(
            f"expected as many predictions as references, at least one, got {len(references)} "
            f"references and {len(predictions)} predictions"
        )
