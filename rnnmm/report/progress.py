"""How far a long job is, for people."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar
from rich.text import Text

from rnnmm.store.executor import Progress

_LINE_EVERY_S = 10.0


@contextmanager
def progress_bar(title: str, console: Console | None = None) -> Iterator[Progress]:
    """Shows progress on standard error: a bar on a terminal, else a line every ten seconds.

    Args:
        title: what is being done.
        console: where to show it; None: standard error.

    Yields:
        A function to call with the number of items done, of all items, and of bad ones. It may be
        called at any rate and with numbers that repeat.
    """
    console = Console(stderr=True) if console is None else console
    with _bar(title, console) if console.is_terminal else _lines(title, console) as report:
        yield report


@contextmanager
def _bar(title: str, console: Console) -> Iterator[Progress]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        TextColumn("[red]{task.fields[bad]}"),
    )
    with Bar(*columns, console=console) as bar:
        task = bar.add_task(title, total=None, bad="")

        def report(done: int, total: int, bad: int) -> None:
            bar.update(task, completed=done, total=total, bad=f"{bad} bad" if bad else "")

        yield report


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        """Items per second, over the last moments."""
        return Text("" if task.speed is None else f"{task.speed:.1f} items/s")


@contextmanager
def _lines(title: str, console: Console) -> Iterator[Progress]:
    started_s = shown_s = time.monotonic()
    last: tuple[int, int, int] | None = None

    def report(done: int, total: int, bad: int) -> None:
        nonlocal shown_s, last
        last = (done, total, bad)
        if time.monotonic() - shown_s >= _LINE_EVERY_S:
            shown_s = time.monotonic()
            console.print(progress_line(title, *last, shown_s - started_s), soft_wrap=True)

    yield report
    if last is not None:
        seconds = time.monotonic() - started_s
        console.print(progress_line(title, *last, seconds), soft_wrap=True)


def progress_line(title: str, done: int, total: int, bad: int, seconds: float) -> str:
    """``preprocess: 120/300 items, 12.0 items/s, 15 s left, 2 bad``"""
    rate = done / seconds if seconds > 0 else 0.0
    parts = [f"{title}: {done}/{total} items", f"{rate:.1f} items/s"]
    if 0 < done < total and rate > 0:
        parts.append(f"{(total - done) / rate:.0f} s left")
    if bad:
        parts.append(f"{bad} bad")
    return ", ".join(parts)
