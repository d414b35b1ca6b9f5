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
    """Prints one row per folder below `run.dir` that holds figures of a run."""
    given = any(word.startswith("run.dir=") for word in overrides)
    root = Path(compose_config([*overrides, *([] if given else ["run.dir=runs"])])["run"]["dir"])
    folders = sorted(path.parent for path in root.rglob("metrics.json"))
    rows = [_row(run, folder) for folder in folders if (run := _run_of(folder, root))]
    if not rows:
        raise ValueError(f"{root}: expected finished runs below it, found none; set run.dir=PATH")
    for row in [_COLUMNS, ["---"] * len(_COLUMNS), *rows]:
        print(f"| {' | '.join(row)} |")
    return 0


def _run_of(folder: Path, root: Path) -> Path | None:
    """The run that was measured: the folder, or the nearest one above it and below the root."""
    above = (one for one in (folder, *folder.parents) if one.is_relative_to(root))
    return next((one for one in above if (one / "config.yaml").is_file()), None)


def _row(run: Path, folder: Path) -> list[str]:
    config = read_unchecked(run / "config.yaml")
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
        _commit((run / "git.txt").read_text().strip()),
        " ".join([_shown(run / "overrides.txt"), *_place(run, folder)]).strip(),
    ]


def _place(run: Path, folder: Path) -> list[str]:
    """Where in its run's folder a further measurement lies: that says what was measured."""
    return [] if run == folder else [f"in `{folder.relative_to(run).as_posix()}`"]


def _headline(metrics: dict[str, Any]) -> tuple[str, float | None]:
    """The figure that a task is known by, else its first."""
    headlines = ("wer", "accuracy", "cider_d", "eer", "perplexity")
    name = next((name for name in headlines if name in metrics), next(iter(metrics)))
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
