"""Runs side by side: how much better one is than another on the very same items."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from rnnmm.manifest import name_some
from rnnmm.metrics.interval import Interval, Redraw, paired_difference, redrawn_interval
from rnnmm.result import Evaluation
from rnnmm.tasks.task import Score, count_parameters

log = logging.getLogger(__name__)

_SCHEMA = 1
_LEVEL = 0.95


class Difference(NamedTuple):
    """How much higher a figure of one run is than the first run's.

    value: of all items. interval: at 95 %. num_units: how many were drawn anew, whole.
    """

    value: float
    interval: Interval
    num_units: int


@dataclass(frozen=True, eq=False)
class Comparison:
    """Evaluations of the same items; the first is what the others are compared with.

    Args:
        names: of the runs, distinct.
        evaluations: one a run.
        scores: of the same answers, in the order of the first evaluation's items.
    """

    names: Sequence[str]
    evaluations: Sequence[Evaluation]
    scores: Sequence[Score]

    def differences(self, number: int) -> dict[str, Difference]:
        """Of one run to the first, of the metrics that both know how to draw anew.

        What a corpus calls a group (a speaker, a recording) is drawn whole, any other item by
        itself, as in `Evaluation.intervals`.
        """
        first, other = self._redraws(0), self._redraws(number)
        return {
            name: _difference(paired_difference(first[name], other[name]))
            for name in first
            if name in other
        }

    def summary(self) -> dict[str, Any]:
        """The content of ``comparison.json``."""
        first = self.evaluations[0]
        return {
            "schema": _SCHEMA,
            "task": first.task.name,
            "dataset": first.store.info["name"],
            "split": first.split,
            "num_items": len(first.predictions),
            "first": self.names[0],
            "runs": [self._row(number) for number in range(len(self.names))],
        }

    def _row(self, number: int) -> dict[str, Any]:
        evaluation = self.evaluations[number]
        differences = self.differences(number) if number else {}
        return {
            "name": self.names[number],
            "parameters": count_parameters(evaluation.task.model),
            "seconds": {name: round(value, 3) for name, value in evaluation.seconds.items()},
            "fingerprints": dict(evaluation.fingerprints),
            "metrics": self.scores[number].metrics,
            "floors": self.scores[number].floors,
            "differences": {
                name: {
                    "difference": one.value,
                    "low": one.interval.low,
                    "high": one.interval.high,
                    "level": _LEVEL,
                    "units": one.num_units,
                }
                for name, one in differences.items()
            },
        }

    def _redraws(self, number: int) -> Mapping[str, Redraw]:
        score, units = self.scores[number], self.evaluations[0].units
        tallies = {
            name: one.by_unit(units).redraw()
            for name, one in score.tallies.items()
            if any(one.denominators)
        }
        return {**tallies, **score.redraws}


def compare(names: Sequence[str], evaluations: Sequence[Evaluation]) -> Comparison:
    """Puts the answers of runs side by side, item by item.

    Raises:
        ValueError: Fewer than two runs, names that repeat, another task, or answers to other
            items, or to items with other references; names the first.
    """
    if len(names) < 2 or len(set(names)) < len(names):
        raise ValueError(
            f"compare: expected two or more runs by distinct names, got {', '.join(names)}"
        )
    scores = [
        _aligned(evaluations[0], evaluation, f"{name} and {names[0]}")
        for name, evaluation in zip(names, evaluations)
    ]
    return Comparison(names, evaluations, scores)


def _aligned(first: Evaluation, other: Evaluation, who: str) -> Score:
    """The other's score with its answers in the order of the first one's items."""
    if first.task.name != other.task.name:
        raise ValueError(
            f"{who}: expected runs of one task, got {other.task.name} and {first.task.name}"
        )
    wanted, found = _references(first), _references(other)
    strange = sorted(wanted.keys() ^ found.keys())
    if strange:
        raise ValueError(
            f"{who}: expected answers to the same items, got {len(strange)} that only one has "
            f"answered ({name_some(strange)}); measure both on the same files and split"
        )
    changed = [id for id in wanted if wanted[id] != found[id]]
    if changed:
        raise ValueError(
            f"{who}: expected the same references, got others of {len(changed)} items "
            f"({name_some(changed)}); measure both on the same files and with the same target"
        )
    ids = other.store.ids
    by_id = {ids[prediction.row]: prediction for prediction in other.predictions}
    predictions = [by_id[id] for id in wanted]
    return other.task.score(predictions, [other.rows.references[one.row] for one in predictions])


def _references(evaluation: Evaluation) -> dict[str, tuple[str, ...]]:
    """By id, in the order of the answers."""
    ids, references = evaluation.store.ids, evaluation.rows.references
    return {ids[one.row]: references[one.row] for one in evaluation.predictions}


def _difference(redraw: Redraw) -> Difference:
    whole = redraw.figure(np.ones(redraw.num_units, np.int64))
    return Difference(whole, redrawn_interval(redraw, level=_LEVEL), redraw.num_units)
