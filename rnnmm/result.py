"""What an evaluation leaves: ``metrics.json``, ``predictions.jsonl``, lists of the task's own."""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from rnnmm.metrics.interval import Interval, bootstrap_interval, redrawn_interval
from rnnmm.run import describe_hardware, versions
from rnnmm.store.commit import commit, commit_bytes
from rnnmm.store.reader import Store
from rnnmm.tasks.data import Rows
from rnnmm.tasks.task import Prediction, Score, Task, count_parameters

_SCHEMA = 1
_LEVEL = 0.95


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The answers of a task for one split, and their figures.

    Args:
        task: that answered.
        store: where the items lie.
        split: which items.
        rows: which of them could be used.
        predictions: one per row.
        score: their figures.
        seconds: of wall time, by stage.
        fingerprints: of what decided the figures.
        throughput: of the training, see `rnnmm.tasks.training.throughput`; empty where unknown.
    """

    task: Task
    store: Store
    split: str
    rows: Rows
    predictions: list[Prediction]
    score: Score
    seconds: Mapping[str, float]
    fingerprints: Mapping[str, str]
    throughput: Mapping[str, Any] = field(default_factory=dict)

    def metrics(self) -> dict[str, Any]:
        """The content of ``metrics.json``: a stable contract, see the README."""
        return {
            "schema": _SCHEMA,
            "task": self.task.name,
            "dataset": self.store.info["name"],
            "split": self.split,
            "num_items": len(self.rows),
            "metrics": self.score.metrics,
            "floors": self.score.floors,
            "intervals": {
                name: {
                    "low": one.low,
                    "high": one.high,
                    "level": _LEVEL,
                    "units": self._units_of(name),
                }
                for name, one in self.intervals.items()
            },
            "counts": {
                **self.score.counts,
                "quarantined_in_all_splits": self.store.info["num_bad"],
                "unusable": len(self._split_rows()) - len(self.rows),
                "parameters": count_parameters(self.task.model),
                "findings": list(self.store.info["findings"]),
            },
            "seconds": {name: round(value, 3) for name, value in self.seconds.items()},
            "throughput": dict(self.throughput),
            "fingerprints": dict(self.fingerprints),
            "versions": {**versions(), "hardware": describe_hardware(self.task.device)},
        }

    @cached_property
    def intervals(self) -> dict[str, Interval]:
        """Confidence intervals, by bootstrap, of the metrics that know how to be drawn anew.

        Of ratios of sums, what the corpus calls a group (a speaker, a recording) is drawn whole,
        any other item by itself: these are the units. Other figures name their own. Where units
        do not differ (all are right, or there is but one) or nothing was asked for, no interval
        can be told.
        """
        tallies = {name: one.by_unit(self.units) for name, one in self.score.tallies.items()}
        found = {
            name: bootstrap_interval(*one, level=_LEVEL)
            for name, one in tallies.items()
            if any(one.denominators)
        }
        found |= {
            name: redrawn_interval(one, level=_LEVEL) for name, one in self.score.redraws.items()
        }
        return {name: one for name, one in found.items() if one.low < one.high}

    @property
    def num_units(self) -> int:
        """How many groups, or items without one, the answers belong to."""
        return len(set(self.units))

    def answers(self) -> list[dict[str, Any]]:
        """The rows of ``predictions.jsonl``: id, path, reference, hypothesis, score and more."""
        ids, paths = self.store.ids, self.store.column("path")
        rows = []
        for prediction in self.predictions:
            references = self.rows.references[prediction.row]
            rows.append({
                "id": ids[prediction.row],
                "path": paths[prediction.row],
                "reference": references[0] if len(references) == 1 else list(references),
                "hypothesis": prediction.hypothesis,
                "score": round(prediction.score, 6),
                **self.task.detail(prediction, references),
            })  # fmt: skip
        return rows

    def write(self, folder: Path) -> None:
        """Writes the files, each whole or not at all."""
        folder.mkdir(parents=True, exist_ok=True)
        lines = [to_json(row) for row in self.answers()]
        commit_bytes(folder / "predictions.jsonl", ("\n".join(lines) + "\n").encode())
        for name, listed in self.score.lists.items():
            _write_list(folder / name, listed)
        text = to_json(self.metrics(), indent=1)
        commit_bytes(folder / "metrics.json", f"{text}\n".encode())

    def _units_of(self, metric: str) -> int:
        redraw = self.score.redraws.get(metric)
        return self.num_units if redraw is None else redraw.num_units

    @cached_property
    def units(self) -> list[str | int]:
        """What each answer belongs to: the group of its item, or the item where it has none."""
        groups = self.store.column("group")
        return [
            one.row if groups[one.row] is None else groups[one.row] for one in self.predictions
        ]

    def _split_rows(self) -> list[int]:
        every = self.split == "all"
        return list(range(len(self.store))) if every else self.store.rows(self.split).tolist()


def to_json(value: Any, indent: int | None = None) -> str:
    """JSON text; null where there is no number that JSON can write (NaN, infinity)."""
    return json.dumps(_finite(value), indent=indent, ensure_ascii=False, allow_nan=False)


def _write_list(path: Path, listed: Callable[[], Iterator[str]] | None) -> None:
    """Line by line; where there is no list, none of an earlier evaluation stays."""
    if listed is None:
        path.unlink(missing_ok=True)
        return
    lines = listed()

    def write(temp: Path) -> None:
        with temp.open("x", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)

    commit(path, write)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
