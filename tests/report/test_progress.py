import io

import pytest
from rich.console import Console

from rnnmm.report import progress
from rnnmm.report.progress import progress_bar, progress_line


@pytest.mark.parametrize(
    ("call", "line"),
    [
        ((0, 300, 0, 0.0), "go: 0/300 items, 0.0 items/s"),
        ((120, 300, 2, 10.0), "go: 120/300 items, 12.0 items/s, 15 s left, 2 bad"),
        ((300, 300, 0, 30.0), "go: 300/300 items, 10.0 items/s"),
    ],
)
def test_progress_line(call, line):
    assert progress_line("go", *call) == line


def _shown(is_terminal, calls):
    file = io.StringIO()
    console = Console(file=file, force_terminal=is_terminal, width=100, _environ={})
    with progress_bar("preprocess", console) as report:
        for call in calls:
            report(*call)
    return file.getvalue()


def test_a_terminal_gets_a_bar():
    shown = _shown(True, [(1, 10, 0), (10, 10, 3)])
    assert "preprocess" in shown and "10/10" in shown and "3 bad" in shown
    assert "━" in shown


def test_a_log_gets_one_line_at_the_end_of_a_short_job():
    lines = _shown(False, [(n, 10, 0) for n in range(11)]).splitlines()
    assert len(lines) == 1 and lines[0].startswith("preprocess: 10/10 items, ")


def test_a_log_gets_a_line_now_and_then(monkeypatch):
    now = iter(range(1000))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(now)))
    lines = _shown(False, [(n, 100, 1) for n in range(40)]).splitlines()
    assert 3 <= len(lines) <= 6
    assert "s left, 1 bad" in lines[0]


def test_nothing_done_shows_nothing():
    assert _shown(False, []) == ""
