"""One line of a benchmark: our figure, what it is held against, and whether the goal is met."""

import importlib.metadata
import json
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

SCHEMA = 1

_DISTRIBUTIONS = (
    "rnnmm", "torch", "torchaudio", "librosa", "numpy", "av", "opencv-python-headless",
    "kaldi-native-fbank", "lhotse", "webdataset", "decord", "torchcodec", "speechbrain",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """A figure and its yardstick, both measured in the same run.

    Args:
        id: the goal it belongs to, as in RESULTS.md: P1..P13; a limit of the machine is "limit".
        name: what was measured.
        unit: of ``ours`` and ``theirs``.
        ours: our figure.
        against: the limit or the peer; where a peer is missing, why.
        theirs: its figure; None: there is none.
        ratio: > 1 means that ours is better; None: there is nothing to compare with.
        goal: least ratio wanted; None: reported only.
        holds: whether ``ratio`` reaches ``goal``; None where either is missing.
    """

    id: str
    name: str
    unit: str
    ours: float | None
    against: str = ""
    theirs: float | None = None
    ratio: float | None = None
    goal: float | None = None
    holds: bool | None = None


def higher_wins(
    id: str, name: str, unit: str, ours: float, against: str, theirs: float,
    goal: float | None = None,
) -> Row:  # fmt: skip
    """A row of which more is better, such as frames/s. Arguments as in `Row`."""
    return _judged(Row(id, name, unit, ours, against, theirs, ours / theirs, goal))


def lower_wins(
    id: str, name: str, unit: str, ours: float, against: str, theirs: float,
    goal: float | None = None,
) -> Row:  # fmt: skip
    """A row of which less is better, such as seconds or an error. Arguments as in `Row`."""
    ratio = theirs / ours if ours else float("inf")
    return _judged(Row(id, name, unit, ours, against, theirs, min(ratio, 1e12), goal))


def missing(id: str, name: str, unit: str, ours: float | None, against: str) -> Row:
    """A row whose peer is not here; ``against`` says which and why. Never a guess."""
    return Row(id, name, unit, ours, against)


def limit(name: str, unit: str, value: float) -> Row:
    """What this machine can do at most."""
    return Row("limit", name, unit, value)


def unavailable(*modules: str) -> str | None:
    """Why a peer cannot be measured: the first of its modules that does not import; or None."""
    for module in modules:
        try:
            importlib.import_module(module)
        except (ImportError, OSError, RuntimeError) as error:
            reason = "not installed" if isinstance(error, ModuleNotFoundError) else "broken here"
            return f"{module} ({reason})"
    return None


def document(rows: Sequence[Row], device: torch.device) -> dict[str, Any]:
    """What ``bench/<name>.json`` holds."""
    return {
        "schema": SCHEMA,
        "device": device_name(device),
        "versions": versions(),
        "rows": [asdict(row) for row in rows],
    }


def write_document(path: Path, rows: Sequence[Row], device: torch.device) -> None:
    """Writes `document` as JSON, folders included."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document(rows, device), indent=1, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def device_name(device: torch.device) -> str:
    """The processor's or the accelerator's own name."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{_cpu_name()}, {torch.get_num_threads()} threads"


def versions() -> dict[str, str]:
    """Python and the libraries that decide a figure, those that are installed."""
    found = {"python": platform.python_version()}
    for name in _DISTRIBUTIONS:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


Bench = Callable[[torch.device], list[Row]]
"""What each module of this package offers as ``measure``."""


def _judged(row: Row) -> Row:
    if row.goal is None or row.ratio is None:
        return row
    return Row(**{**asdict(row), "holds": row.ratio >= row.goal})


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
