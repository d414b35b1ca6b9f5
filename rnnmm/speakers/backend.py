"""How alike pairs of clips are, and what that is measured by beside the two.

Conventions
    Each side of a pair is one clip. A comparison is made once for all clips, ``(J, D)``, and then
    scores any pairs of them, by their places: higher where more alike, alike in both directions.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

from rnnmm.metrics.verification import Scores
from rnnmm.speakers.plda import Plda, Projection, fit_plda, fit_projection
from rnnmm.speakers.scoring import Matrix, Scorer, nearest, unit

log = logging.getLogger(__name__)

Scoring = Literal["cosine", "as_norm", "plda"]
SCORINGS: tuple[Scoring, ...] = get_args(Scoring)
Places = NDArray[np.int64]
Comparison = Callable[[Places, Places], Scores]
"""``(I,)`` places of the first sides, ``(I,)`` of the second -> ``(I,)`` scores."""

_PLDA = ("lda_centre", "lda_axes", "plda_centre", "plda_axes", "plda_variances")
ARRAYS = ("cohort", *_PLDA, "as_norm_calibration", "plda_calibration")
"""The names of all that may be kept of a backend."""
_BLOCK = 4096


@dataclass(frozen=True, eq=False)
class Backend:
    """What is known of training speakers.

    Args:
        cohort: ``(M, D)`` a voice of each; none: only cosines can be had.
        projection: to where they differ; None: their clips cannot tell, as where nobody has two.
        plda: of what is projected; None likewise.
    """

    cohort: Matrix
    projection: Projection | None = None
    plda: Plda | None = None

    @property
    def known(self) -> tuple[Scoring, ...]:
        """The scorings that can be chosen."""
        if not len(self.cohort):
            return ("cosine",)
        return ("cosine", "as_norm") if self.plda is None else SCORINGS

    def comparison(self, scoring: Scoring, embeddings: Matrix) -> Comparison:
        """Of ``(J, D)`` embeddings, by one of the scorings in `known`."""
        if scoring == "cosine":
            return by_cosine(embeddings)
        if scoring == "as_norm":
            return by_as_norm(embeddings, Scorer(self.cohort))
        assert self.projection is not None and self.plda is not None
        return by_plda(self.projection(embeddings), self.plda)

    def arrays(self) -> dict[str, Matrix]:
        """By names out of `ARRAYS`, to be kept."""
        if self.projection is None or self.plda is None:
            return {"cohort": self.cohort}
        lda, plda = self.projection, self.plda
        found = (lda.centre, lda.axes, plda.centre, plda.axes, plda.variances)
        return {"cohort": self.cohort, **dict(zip(_PLDA, found))}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Matrix]) -> Self:
        """What `arrays` gave; of nothing a backend that knows nobody."""
        cohort = arrays.get("cohort", np.zeros((0, 0)))
        if not arrays.keys() >= {*_PLDA}:
            return cls(cohort)
        lda_centre, lda_axes, *plda = (arrays[name] for name in _PLDA)
        return cls(cohort, Projection(lda_centre, lda_axes), Plda(*plda))


def fit_backend(embeddings: Matrix, speakers: Sequence[str]) -> Backend:
    """Learns it from training clips.

    Args:
        embeddings: ``(I, D)``, whitened: the noise is taken to be alike in all directions.
        speakers: ``(I,)`` who speaks in each.
    """
    numbers = np.unique(list(speakers), return_inverse=True)[1]
    voices = np.zeros((numbers.max() + 1, embeddings.shape[1]))  # (M, D)
    np.add.at(voices, numbers, unit(embeddings))
    voices /= np.bincount(numbers)[:, None]
    output_dim = min(embeddings.shape[1], len(voices) - 1)
    try:
        projection = fit_projection(embeddings, numbers.tolist(), output_dim, shrinkage=1.0)
        plda = fit_plda(projection(embeddings), numbers.tolist())
    except ValueError as error:  # too few clips, or all alike
        log.info("scores by PLDA cannot be had: %s", error)
        return Backend(voices)
    return Backend(voices, projection, plda)


def by_cosine(embeddings: Matrix) -> Comparison:
    """``(J, D)`` -> their cosines."""
    rows = unit(embeddings)
    return lambda first, second: np.asarray((rows[first] * rows[second]).sum(axis=1), np.float64)


def by_as_norm(embeddings: Matrix, scorer: Scorer) -> Comparison:
    """``(J, D)`` -> the scores that `Scorer.scores` gives voices of one clip.

    Args:
        embeddings: of any length.
        scorer: its cohort is not empty; of fewer than 20 people it leaves cosines as they are.
    """
    cohort = unit(scorer.cohort)
    centre = cohort.mean(axis=0)
    rows = unit(unit(embeddings) - centre)
    cosines = by_cosine(rows)
    if not scorer.is_levelled:
        return cosines
    strangers = unit(cohort - centre).T  # (D, M)
    most = min(scorer.num_nearest, len(cohort))
    blocks = [nearest(rows[i : i + _BLOCK] @ strangers, most) for i in range(0, len(rows), _BLOCK)]
    means, deviations = (np.concatenate(parts) for parts in zip(*blocks))

    def compare(first: Places, second: Places) -> Scores:
        scores = cosines(first, second)
        by_first = (scores - means[first]) / deviations[first]
        by_second = (scores - means[second]) / deviations[second]
        return np.asarray((by_first + by_second) / 2, np.float64)

    return compare


def by_plda(projected: Matrix, plda: Plda) -> Comparison:
    """``(J, P)`` projected clips -> log-likelihood ratios."""
    return lambda first, second: plda.pair_ratios(projected[first], projected[second])


def score_pairs(compare: Comparison, first: Places, second: Places) -> Scores:
    """``(I,)`` places each -> ``(I,)``, in parts: of all pairs at once embeddings are large."""
    scores = np.empty(len(first))
    for start in range(0, len(first), _BLOCK):
        block = slice(start, start + _BLOCK)
        scores[block] = compare(first[block], second[block])
    return scores
