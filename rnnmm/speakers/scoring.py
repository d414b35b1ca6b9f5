"""Embeddings to scores: cosine around the mean voice, levelled by a cohort of other people.

Conventions
    Embeddings are rows, ``(I, D)`` float64 of any length; only their direction counts. A voice
    made of several clips is the mean of their unit embeddings. Scores are ``(E, T)``: enrolled
    voices by tests, higher where more alike.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

# Below so many people the spread of a cohort's scores is itself a guess.
_MIN_COHORT = 20
# A spread of scores below this is rounding.
_MIN_DEVIATION = 1e-6
_SMALLEST = 1e-12  # a squared length that divides


def unit(embeddings: Matrix) -> Matrix:
    """``(I, D)`` -> the same directions at length 1; a row of zeros stays one."""
    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
    return embeddings / np.where(lengths > 0, lengths, 1)


def mean_voice(clips: Matrix) -> Matrix:
    """``(I, D)`` embeddings of one person's clips -> ``(D,)``, each clip counting alike."""
    return np.asarray(unit(clips).mean(axis=0), np.float64)


def cosine_scores(enrolled: Matrix, tests: Matrix) -> Matrix:
    """``(E, D)``, ``(T, D)`` -> ``(E, T)`` in [-1, 1]."""
    return np.asarray(unit(enrolled) @ unit(tests).T, np.float64)


def nearest(scores: Matrix, num_nearest: int) -> tuple[Matrix, Matrix]:
    """``(I, M)``, M >= num_nearest -> mean and deviation ``(I,)`` of each row's highest."""
    highest = np.partition(scores, -num_nearest, axis=1)[:, -num_nearest:]
    return highest.mean(axis=1), np.maximum(highest.std(axis=1), _MIN_DEVIATION)


def as_norm(scores: Matrix, enrolled: Matrix, tests: Matrix, num_nearest: int) -> Matrix:
    """Measures scores in deviations from those of the nearest strangers, seen from both sides.

    Args:
        scores: ``(E, T)``.
        enrolled: ``(E, M)`` scores of the enrolled voices against the M people of a cohort.
        tests: ``(T, M)`` scores of the tests against them.
        num_nearest: 2..M, how many of the cohort, the highest scores, stand for the strangers.

    Returns:
        ``(E, T)``: the mean of both normalised scores.

    Source:
        Matějka et al. 2017, "Analysis of score normalization in multilingual speaker
        recognition", Interspeech, equation 5 (adaptive s-norm 1).
    """
    assert 2 <= num_nearest <= enrolled.shape[1] == tests.shape[1]
    mean_e, deviation_e = nearest(enrolled, num_nearest)  # (E,) each
    mean_t, deviation_t = nearest(tests, num_nearest)  # (T,) each
    by_enrolled = (scores - mean_e[:, None]) / deviation_e[:, None]
    by_test = (scores - mean_t) / deviation_t
    return np.asarray((by_enrolled + by_test) / 2, np.float64)


def spread(rows: Matrix) -> float:
    """``(I, D)``, I >= 2 -> the variance of its columns, all together."""
    return float(np.var(rows, axis=0, ddof=1).sum())


def common_offset(voices: Matrix, cohort: Matrix) -> Matrix:
    """What some voices share beyond what a cohort's do, as far as chance does not explain it.

    The mean of a few voices is always some way off the mean of a cohort. Of that way the part is
    given that the spread of both does not account for: next to nothing where they were recorded
    alike, nearly all where microphone, room or bandwidth are others.

    Args:
        voices: ``(E, D)``, E >= 2.
        cohort: ``(M, D)``, M >= 2.

    Returns:
        ``(D,)``.

    Source:
        James and Stein 1961, "Estimation with quadratic loss"; its positive part.
    """
    way = voices.mean(axis=0) - cohort.mean(axis=0)
    by_chance = spread(voices) / len(voices) + spread(cohort) / len(cohort)
    return np.asarray(max(0.0, 1 - by_chance / max(float(way @ way), _SMALLEST)) * way, np.float64)


@dataclass(frozen=True, eq=False)
class Scorer:
    """What a score depends on beside its two sides.

    Args:
        cohort: ``(M, D)`` voices of other people, one each; their mean is what all voices share.
            Empty: plain cosine. Fewer than 20 people: cosine around their mean, not levelled.
        num_nearest: how many of the cohort stand for the strangers most like a voice, >= 2.
    """

    cohort: Matrix
    num_nearest: int = 200

    @property
    def is_levelled(self) -> bool:
        """Whether scores are counted in deviations, and not cosines."""
        return len(self.cohort) >= _MIN_COHORT

    def scores(
        self,
        enrolled: Matrix,
        tests: Matrix,
        enrolled_offset: Matrix | float = 0.0,
        test_offset: Matrix | float = 0.0,
    ) -> Matrix:
        """``(E, D)`` voices, ``(T, D)`` embeddings -> ``(E, T)``.

        Args:
            enrolled: of one or more clips each.
            tests: of one clip each.
            enrolled_offset: ``(D,)``, what all enrolled voices share beside what the cohort's do;
                means nothing without a cohort.
            test_offset: likewise, of the tests.
        """
        if not len(self.cohort):
            return cosine_scores(enrolled, tests)
        cohort = unit(self.cohort)
        centre = cohort.mean(axis=0)
        strangers = cohort - centre
        enrolled = enrolled - (centre + enrolled_offset)
        tests = unit(tests) - (centre + test_offset)
        scores = cosine_scores(enrolled, tests)
        if not self.is_levelled:
            return scores
        return as_norm(
            scores,
            cosine_scores(enrolled, strangers),
            cosine_scores(tests, strangers),
            min(self.num_nearest, len(cohort)),
        )
