"""`rnnmm results`: the figures of finished runs as a Markdown table, none typed by hand."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rnnmm.configfile import read_unchecked
from rnnmm.pipelines.compose import compose_config
from rnnmm.pipelines.console import show_figure

_COLUMNS = ("experiment", "split", "items", "metric", "value (95 % interval)", "floor",
            "parameters", "seed", "seconds (decode + train + evaluate)", "hardware", "commit",
            "overrides")  # fmt: skip


def main(overrides: Sequence[str]) -> int:
    """Prints one row per folder below `run.dir` that holds a run and its metrics."""
    given = any(word.startswith("run.dir=") for word in overrides)
    root = Path(compose_config([*overrides, *([] if given else ["run.dir=runs"])])["run"]["dir"])
    folders = sorted(path.parent for path in root.rglob("metrics.json"))
    rows = [_row(folder) for folder in folders if (folder / "config.yaml").is_file()]
    if not rows:
        raise ValueError(f"{root}: expected finished runs below it, found none; set run.dir=PATH")
    for row in [_COLUMNS, ["---"] * len(_COLUMNS), *rows]:
        print(f"| {' | '.join(row)} |")
    return 0


def _row(folder: Path) -> list[str]:
    config = read_unchecked(folder / "config.yaml")
    result = json.loads((folder / "metrics.json").read_text())
    name, value = _headline(result["metrics"])
    return [
        str(config.get("experiment")),
        result["split"],
        str(result["num_items"]),
        name,
        _with_interval(value, result.get("intervals", {}).get(name)),
        show_figure(result["floors"][name]),
        f"{result['counts']['parameters']:,}",
        str(config["seed"]),
        " + ".join(
            f"{result['seconds'].get(k, 0):.0f}" for k in ("preprocess", "train", "evaluate")
        ),
        result["versions"]["hardware"],
        _commit((folder / "git.txt").read_text().strip()),
        _shown(folder / "overrides.txt"),
    ]


def _headline(metrics: dict[str, Any]) -> tuple[str, float | None]:
    headlines = ("wer", "accuracy", "cider_d", "eer", "perplexity")  # one a task
    name = next(name for name in headlines if name in metrics)
    return name, metrics[name]


def _with_interval(value: float | None, interval: Mapping[str, float] | None) -> str:
    if interval is None:
        return show_figure(value)
    return f"{show_figure(value)} ({interval['low']:.4f} to {interval['high']:.4f})"


def _commit(described: str) -> str:
    """Twelve digits, and whether there was more in the tree than the commit."""
    return described[:12] + ("-dirty" if described.endswith("-dirty") else "")


def _shown(path: Path) -> str:
    """The overrides, without those that say where things lie on one machine."""
    words = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    hidden = ("run.", "dataset.root=", "dataset.path=", "store.", "experiment=")
    return " ".join(f"`{word}`" for word in words if not word.startswith(hidden))
