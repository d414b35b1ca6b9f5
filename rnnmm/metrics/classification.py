"""Right and wrong classes: accuracy, its mean over classes, and confusion.

Conventions
    Classes are what the caller names them by, as long as references and predictions agree: names
    or indices. A reference that no prediction can equal, such as -1 for a class unseen in
    training, counts as wrong and is never left out. Figures are fractions of 1.
"""

import operator
from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from rnnmm.manifest import name_some


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


def _check_paired(references: Sequence[Hashable], predictions: Sequence[Hashable]) -> None:
    if len(references) != len(predictions) or not len(references):
        raise ValueError(
            f"expected as many predictions as references, at least one, got {len(references)} "
            f"references and {len(predictions)} predictions"
        )
