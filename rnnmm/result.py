"""What an evaluation leaves behind: ``metrics.json`` and ``predictions.jsonl``."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnmm.run import describe_hardware, versions
from rnnmm.store.commit import commit_bytes
from rnnmm.store.reader import Store
from rnnmm.tasks.data import Rows
from rnnmm.tasks.task import Prediction, Score, Task, count_parameters

_SCHEMA = 1


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
    """

    task: Task
    store: Store
    split: str
    rows: Rows
    predictions: list[Prediction]
    score: Score
    seconds: Mapping[str, float]
    fingerprints: Mapping[str, str]

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
            "counts": {
                **self.score.counts,
                "quarantined": self.store.info["num_bad"],
                "unusable": len(self._split_rows()) - len(self.rows),
                "parameters": count_parameters(self.task.model),
                "findings": list(self.store.info["findings"]),
            },
            "seconds": {name: round(value, 3) for name, value in self.seconds.items()},
            "fingerprints": dict(self.fingerprints),
            "versions": {**versions(), "hardware": describe_hardware(self.task.device)},
        }

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
        """Writes both files, each whole or not at all."""
        folder.mkdir(parents=True, exist_ok=True)
        lines = [json.dumps(row, ensure_ascii=False) for row in self.answers()]
        commit_bytes(folder / "predictions.jsonl", ("\n".join(lines) + "\n").encode())
        text = json.dumps(self.metrics(), indent=1, ensure_ascii=False)
        commit_bytes(folder / "metrics.json", f"{text}\n".encode())

    def _split_rows(self) -> list[int]:
        every = self.split == "all"
        return list(range(len(self.store))) if every else self.store.rows(self.split).tolist()
