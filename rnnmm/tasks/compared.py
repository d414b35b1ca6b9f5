"""Trials of a split and what came out of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnmm.manifest import name_some
from rnnmm.metrics.interval import Redraw
from rnnmm.metrics.verification import Scores, cllr, eer, hull_points, min_cllr, min_dcf
from rnnmm.speakers.backend import Comparison, score_pairs
from rnnmm.speakers.calibration import Calibration, fit_calibration, is_told_apart
from rnnmm.speakers.trials import Trials, sample_pairs
from rnnmm.tasks.task import Score

_MOST_PAIRS = 1_000_000  # of one speaker, and of two, that figures are taken from
_MOST_REDRAWN = 50_000  # trials of a kind that an interval looks at: each is scored a thousandfold
_MOST_CORNERS = 100  # of the curve of errors that figures hold
_FLOORS = {"eer": 0.5, "min_dcf_01": 1.0, "min_dcf_001": 1.0, "cllr": 1.0, "min_cllr": 1.0}


@dataclass(frozen=True, eq=False)
class Compared:
    """Pairs of items and how alike they are.

    Args:
        scores: ``(I,)`` float64.
        first, second: ``(I,)`` the speakers of the two sides, numbered 0..num_speakers - 1.
        num_speakers: of all items.
    """

    scores: Scores
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    num_speakers: int

    def sides(self) -> tuple[Scores, Scores]:
        """The scores of one speaker with himself, and of two."""
        same = self.first == self.second
        return self.scores[same], self.scores[~same]

    def thinned(self, most: int) -> "Compared":
        """At most so many pairs of either kind, evenly taken."""
        kinds = (
            np.flatnonzero(self.first == self.second),
            np.flatnonzero(self.first != self.second),
        )
        kept = np.concatenate([kind[:: -(-len(kind) // most) or 1] for kind in kinds])
        return Compared(self.scores[kept], self.first[kept], self.second[kept], self.num_speakers)

    def redrawn_eer(self, counts: NDArray[np.int64]) -> float:
        """The equal error rate if each speaker were there so often, as somebody else each time.

        Args:
            counts: ``(num_speakers,)`` >= 0.
        """
        same = self.first == self.second
        weights = np.where(same, counts[self.first], counts[self.first] * counts[self.second])
        targets = np.repeat(self.scores[same], weights[same])
        nontargets = np.repeat(self.scores[~same], weights[~same])
        return eer(targets, nontargets) if len(targets) and len(nontargets) else math.nan


def error_rates(compared: Compared, calibration: Calibration) -> Score:
    """All figures of verification; NaN where there are no trials of one kind.

    Args:
        compared: the trials.
        calibration: of their scores.
    """
    targets, nontargets = compared.sides()
    counts: dict[str, Any] = {
        "speakers": compared.num_speakers,
        "targets": len(targets),
        "nontargets": len(nontargets),
    }
    if not len(targets) or not len(nontargets):
        return Score(dict.fromkeys(_FLOORS, math.nan), dict(_FLOORS), counts)
    metrics = {
        "eer": eer(targets, nontargets),
        "min_dcf_01": min_dcf(targets, nontargets, 0.01),
        "min_dcf_001": min_dcf(targets, nontargets, 0.001),
        "cllr": cllr(calibration(targets), calibration(nontargets)),
        "min_cllr": min_cllr(targets, nontargets),
    }
    corners = hull_points(targets, nontargets, _MOST_CORNERS)
    counts["det"] = {
        "false_accept_rates": corners.false_accept_rates.tolist(),
        "miss_rates": corners.miss_rates.tolist(),
    }
    redraw = Redraw(compared.num_speakers, compared.thinned(_MOST_REDRAWN).redrawn_eer)
    return Score(metrics, dict(_FLOORS), counts, redraws={"eer": redraw})


def calibrated(compared: Compared) -> Calibration | None:
    """What makes the scores log-likelihood ratios; None: they cannot tell speakers apart."""
    targets, nontargets = compared.sides()
    if not len(targets) or not len(nontargets) or not is_told_apart(targets, nontargets):
        return None
    return fit_calibration(targets, nontargets)


def every_trial(speakers: Sequence[str]) -> Trials:
    """Every pair of items once, but at most a million of either kind, drawn evenly.

    Args:
        speakers: ``(J,)`` of the items.
    """
    return sample_pairs(speakers, _MOST_PAIRS, _MOST_PAIRS)


def compare_trials(compare: Comparison, trials: Trials, speakers: Sequence[str]) -> Compared:
    """Scores trials of items.

    Args:
        compare: of J items.
        trials: of theirs.
        speakers: ``(J,)``.
    """
    names, numbers = np.unique(list(speakers), return_inverse=True)
    scores = score_pairs(compare, trials.enrolled, trials.tests)
    return Compared(scores, numbers[trials.enrolled], numbers[trials.tests], len(names))


def check_trials(trials: Trials, ids: Sequence[str], speakers: Sequence[str], where: str) -> None:
    """Finds out whether trials say of speakers what the data say.

    Args:
        trials: that were read.
        ids: ``(J,)`` of the items.
        speakers: ``(J,)`` likewise.
        where: the trials were read from.

    Raises:
        ValueError: A target of two speakers, or a nontarget of one; names some.
    """
    names = np.unique(list(speakers), return_inverse=True)[1]
    wrong = np.flatnonzero((names[trials.enrolled] == names[trials.tests]) != trials.is_target)
    if not len(wrong):
        return
    sides = [(trials.enrolled[i], trials.tests[i]) for i in wrong.tolist()]
    some = [f"{ids[a]} of {speakers[a]}, {ids[b]} of {speakers[b]}" for a, b in sides]
    raise ValueError(
        f"{where}: expected 'target' where both items are of one speaker and 'nontarget' where "
        f"they are not, got {len(wrong)} of {len(trials)} trials otherwise "
        f"({name_some(some)}); mend the list or the speakers of the dataset"
    )
