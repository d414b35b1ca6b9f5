"""Scores to log-likelihood ratios: a line, fitted so that the ratios cost least."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from rnnmm.metrics.verification import Scores

_SCHEMA = 1
_ROUNDING = 1e-9  # of the largest score


@dataclass(frozen=True, slots=True)
class Calibration:
    """``llr = slope * score + intercept``, natural logarithm.

    Args:
        slope: > 0: a higher score never means less alike.
        intercept: in nats.
    """

    slope: float
    intercept: float

    def __call__(self, scores: Scores) -> Scores:
        """Scores of any shape -> log-likelihood ratios of that shape."""
        return self.slope * scores + self.intercept

    def to_json(self) -> str:
        """One JSON object."""
        return json.dumps({"schema": _SCHEMA, **asdict(self)})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Reads what `to_json` wrote.

        Raises:
            ValueError: It is not such an object, or its slope is no number > 0.
        """
        try:
            fields: Mapping[str, Any] = json.loads(text)
            if fields["schema"] != _SCHEMA:
                raise ValueError(f"schema {fields['schema']!r}")
            slope, intercept = float(fields["slope"]), float(fields["intercept"])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"calibration: expected a slope and an intercept, got {error}"
            ) from error
        if not (0 < slope < np.inf and np.isfinite(intercept)):
            raise ValueError(
                f"calibration: expected a slope > 0 and a finite intercept, got {slope} and "
                f"{intercept}"
            )
        return cls(slope, intercept)


def is_told_apart(targets: Scores, nontargets: Scores) -> bool:
    """Whether ``(I,)`` targets score higher, on average, than ``(J,)`` nontargets, I, J >= 1.

    By more than what equal scores differ by when they are added up in another order.
    """
    largest = max(np.abs(targets).max(), np.abs(nontargets).max())
    return bool(targets.mean() - nontargets.mean() > _ROUNDING * largest)


def fit_calibration(targets: Scores, nontargets: Scores, prior: float = 0.5) -> Calibration:
    """Logistic regression, both sides weighed by how probable they are where it is to be used.

    Each side is told that it holds one trial of the other (Platt's correction), which keeps the
    line finite where no score is wrong.

    Args:
        targets: ``(I,)`` scores, at least one, finite.
        nontargets: ``(J,)`` likewise.
        prior: the probability of a target that matters most, in (0, 1).

    Raises:
        ValueError: A prior out of range, a side without scores, scores that are not finite, or
            scores that are not higher for targets.

    Source:
        Brümmer and du Preez 2006, "Application-independent evaluation of speaker detection",
        section 8; Platt 1999, "Probabilistic outputs for support vector machines".
    """
    _check(targets, nontargets, prior)
    scores = np.concatenate([targets, nontargets])
    centre, scale = scores.mean(), scores.std()
    x = np.stack([(scores - centre) / scale, np.ones(len(scores))])  # (2, I + J)
    wanted, weights = _wanted(len(targets), len(nontargets), prior)
    odds = np.log(prior / (1 - prior))

    def loss(line: Scores) -> tuple[float, Scores]:
        logits = line @ x + odds
        value = weights @ (np.logaddexp(0, logits) - wanted * logits)
        return float(value), x @ (weights * (expit(logits) - wanted))

    def curvature(line: Scores) -> Scores:
        likely = expit(line @ x + odds)
        return np.asarray((x * (weights * likely * (1 - likely))) @ x.T)

    # Newton's: where one side is rare, or a score far off, gradients alone end far from the least.
    slope, intercept = minimize(
        loss, np.zeros(2), jac=True, hess=curvature, method="trust-exact", options={"gtol": 1e-12}
    ).x
    return Calibration(float(slope / scale), float(intercept - slope * centre / scale))


def _wanted(num_targets: int, num_nontargets: int, prior: float) -> tuple[Scores, Scores]:
    """What each trial should say, targets first, and how much it weighs."""
    counts = (num_targets, num_nontargets)
    wanted = ((num_targets + 1) / (num_targets + 2), 1 / (num_nontargets + 2))
    weights = (prior / num_targets, (1 - prior) / num_nontargets)
    return np.repeat(wanted, counts), np.repeat(weights, counts)


def _check(targets: Scores, nontargets: Scores, prior: float) -> None:
    if not 0 < prior < 1:
        raise ValueError(f"calibration: expected 0 < prior < 1, got {prior}")
    for name, scores in (("target", targets), ("nontarget", nontargets)):
        if scores.ndim != 1 or not len(scores) or not np.isfinite(scores).all():
            what = f"shape {scores.shape}" if not scores.size else "others"
            raise ValueError(f"calibration: expected (I,) finite {name} scores, got {what}")
    if not is_told_apart(targets, nontargets):
        raise ValueError(
            f"calibration: expected higher scores for targets, got means {targets.mean():.4g} "
            f"(targets) and {nontargets.mean():.4g} (nontargets)"
        )
