"""What a person sees while a verb runs, and the same lines in the run's ``log.txt``."""

import logging
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

console = Console(highlight=False, soft_wrap=True)


@contextmanager
def logging_to(run_dir: Path | None = None) -> Iterator[None]:
    """Messages go to the terminal and, given a run's folder, to its log too.

    Args:
        run_dir: made if it is missing.

    Raises:
        ValueError: It cannot be made or written to.
    """
    root = logging.getLogger()
    handlers: list[logging.Handler] = [_handler(logging.StreamHandler(), "%(message)s")]
    if run_dir is not None:
        file = _open_log(run_dir)
        handlers.append(_handler(file, "%(asctime)s %(levelname)s %(message)s"))
    root.setLevel(logging.INFO)
    for name in ("lightning", "lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for handler in handlers:
        root.addHandler(handler)
    try:
        with warnings.catch_warnings():
            # Lightning's advice on DataLoader workers and the like: there are none here.
            warnings.filterwarnings("ignore", module="lightning")
            yield
    finally:
        for handler in handlers:
            root.removeHandler(handler)
            handler.close()


def _open_log(run_dir: Path) -> logging.Handler:
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        return logging.FileHandler(run_dir / "log.txt", encoding="utf-8")
    except OSError as error:
        raise ValueError(
            f"expected a folder to write results into, got {run_dir} ({error.strerror}: "
            f"{error.filename}); choose another with run.dir or run.out"
        ) from error


def print_figures(
    title: str,
    metrics: Mapping[str, float],
    floors: Mapping[str, float],
    intervals: Mapping[str, tuple[float, float]],
    ceilings: Mapping[str, float],
) -> None:
    """A table of figures, each beside its floor and, where known, its interval and its ceiling."""
    table = Table(title=Text(title), title_justify="left")
    table.add_column("metric")
    for name in ("value", "95 % interval", "floor", *(["ceiling"] if ceilings else [])):
        table.add_column(name, justify="right")
    for name, value in metrics.items():
        interval = " to ".join(map(show_figure, intervals.get(name, ())))
        anchors = [show_figure(one[name]) if name in one else "" for one in (floors, ceilings)]
        table.add_row(name, show_figure(value), interval, *anchors[: 2 if ceilings else 1])
    console.print(table)


def show_figure(value: float | None) -> str:
    """Four decimals; n/a where there was nothing to measure."""
    return "n/a" if value is None or not math.isfinite(value) else f"{value:.4f}"


def print_rows(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table of texts."""
    table = Table(title=Text(title), title_justify="left")
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)


def _handler(handler: logging.Handler, form: str) -> logging.Handler:
    handler.setFormatter(logging.Formatter(form))
    return handler
