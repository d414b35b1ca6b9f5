"""What differs between recordings of one voice, made to count less."""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np

from rnnmm.speakers.scoring import Matrix

# Of the mean variance: below it a direction counts as one that was never seen to vary.
_LEAST = 1e-6


class Whitening(NamedTuple):
    """``(x - centre) @ matrix``: centre ``(D,)``, matrix ``(D, D)`` symmetric."""

    centre: Matrix
    matrix: Matrix


def fit_whitening(embeddings: Matrix, speakers: Sequence[Hashable], shrinkage: float) -> Whitening:
    """Centres, and gives the deviations of recordings from their speaker's mean equal variance.

    Args:
        embeddings: ``(I, D)``, of training speakers.
        speakers: ``(I,)``.
        shrinkage: 0..1, how much each direction's variance is drawn to the mean of all; 1 leaves
            the centring alone, as do speakers with one recording each.

    Source:
        Hatch, Kajarekar and Stolcke 2006, "Within-class covariance normalization for SVM-based
        speaker recognition", Interspeech.
    """
    numbers = np.unique([str(one) for one in speakers], return_inverse=True)[1]
    counts = np.bincount(numbers)
    sums = np.zeros((len(counts), embeddings.shape[1]))
    np.add.at(sums, numbers, embeddings)
    deviations = embeddings - (sums / counts[:, None])[numbers]  # (I, D)
    variances, axes = np.linalg.eigh(deviations.T @ deviations / len(embeddings))
    centre, mean = embeddings.mean(axis=0), variances.mean()
    if mean <= 0:
        return Whitening(centre, np.eye(len(centre)))
    drawn = (1 - shrinkage) * variances.clip(min=0) / mean + shrinkage
    return Whitening(centre, (axes / np.sqrt(drawn.clip(min=_LEAST))) @ axes.T)
