"""Who spoke when: the diarisation error rate.

Conventions
    Time is scored in seconds, by the names that are active at each moment, overlap included. With
    R names in the reference and H in the answer, of which C are right, a moment adds
    ``max(0, R - H)`` missed, ``max(0, H - R)`` false and ``min(R, H) - C`` confused seconds per
    second. Names need not agree: the one-to-one mapping that makes most seconds right is used. A
    collar leaves out so many seconds on both sides of every start and end in the reference.

Source
    NIST, "The 2009 (RT-09) Rich Transcription meeting recognition evaluation plan", section 4.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment


class Turn(NamedTuple):
    """Somebody speaks. start_s: >= 0. end_s: above it. speaker: a name."""

    start_s: float
    end_s: float
    speaker: str


@dataclass(frozen=True, slots=True)
class DiarisationErrors:
    """Seconds of an answer or, summed, of many; without arguments those of nothing.

    Args:
        missed_s: spoken and not answered.
        false_s: answered and not spoken.
        confused_s: answered as somebody else.
        spoken_s: in the reference, each speaker's counted: the denominator.
    """

    missed_s: float = 0.0
    false_s: float = 0.0
    confused_s: float = 0.0
    spoken_s: float = 0.0

    def __add__(self, other: "DiarisationErrors") -> "DiarisationErrors":
        return DiarisationErrors(
            self.missed_s + other.missed_s,
            self.false_s + other.false_s,
            self.confused_s + other.confused_s,
            self.spoken_s + other.spoken_s,
        )

    @property
    def rate(self) -> float:
        """The diarisation error rate; where nothing was spoken 0, or infinity for false speech."""
        errors = self.missed_s + self.false_s + self.confused_s
        if self.spoken_s:
            return errors / self.spoken_s
        return np.inf if errors else 0.0


def count_diarisation_errors(
    reference: Sequence[Turn], answer: Sequence[Turn], collar_s: float = 0.0
) -> DiarisationErrors:
    """Scores one recording.

    Args:
        reference: turns in any order; a speaker's may touch or overlap.
        answer: likewise.
        collar_s: >= 0, left out before and after each boundary in the reference.

    Raises:
        ValueError: A negative collar, or a turn that does not end after it starts.
    """
    _check(reference, answer, collar_s)
    edges = [t for turn in reference for t in turn[:2]]
    around = [edge + side * collar_s for edge in edges for side in (-1, 1)]
    times = np.unique([*edges, *around, *(t for turn in answer for t in turn[:2])])
    if len(times) < 2:
        return DiarisationErrors()
    middles, seconds = (times[1:] + times[:-1]) / 2, np.diff(times)  # (T,) each
    for edge in edges:
        seconds[np.abs(middles - edge) < collar_s] = 0
    spoken, answered = _active(reference, middles), _active(answer, middles)  # (names, T)
    together = (spoken * seconds) @ answered.T  # (R, H) seconds
    right = float(together[linear_sum_assignment(together, maximize=True)].sum())
    asked, given = spoken.sum(axis=0), answered.sum(axis=0)  # (T,) names at a time
    return DiarisationErrors(
        float(seconds @ np.maximum(asked - given, 0)),
        float(seconds @ np.maximum(given - asked, 0)),
        max(0.0, float(seconds @ np.minimum(asked, given)) - right),
        float(seconds @ asked),
    )


def _active(turns: Sequence[Turn], middles: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(names, T)`` 1 where a name speaks."""
    names = sorted({turn.speaker for turn in turns})
    active = np.zeros((len(names), len(middles)))
    for start_s, end_s, speaker in turns:
        active[names.index(speaker), (start_s <= middles) & (middles < end_s)] = 1
    return active


def _check(reference: Sequence[Turn], answer: Sequence[Turn], collar_s: float) -> None:
    if not collar_s >= 0:
        raise ValueError(f"diarisation: expected collar_s >= 0, got {collar_s}")
    for turn in (*reference, *answer):
        if not -np.inf < turn.start_s < turn.end_s < np.inf:
            raise ValueError(f"diarisation: expected a start before an end, got {turn}")
