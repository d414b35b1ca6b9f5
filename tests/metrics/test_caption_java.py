import logging
import math
import subprocess
from pathlib import Path

import pytest

from rnnmm.metrics import caption_java
from rnnmm.metrics.caption_java import java_figures, missing_part

REFERENCES = [[["a", "man", "runs"], ["someone", "runs"]], [["two", "dogs", "play"]]]
ANSWERS = [["a", "man", "is", "running"], ["dogs", "|||", "playing"]]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A program in Java's place that answers as METEOR does; what it was asked."""
    asked: list[str] = []

    def run(command: list[str], input: str, **_: object) -> subprocess.CompletedProcess[str]:
        asked.extend(input.split("\n")[:-1])
        answers = [
            f"{len(line)}.0 1.0\n" if line.startswith("SCORE") else "0.5\n0.3\n0.4\n"
            for line in input.split("\n")[:-1]
        ]
        return subprocess.CompletedProcess(command, 0, "".join(answers))

    jar = tmp_path / "meteor" / "meteor-1.5.jar"
    jar.parent.mkdir()
    jar.touch()
    monkeypatch.setattr(caption_java, "_package", lambda: tmp_path)
    monkeypatch.setattr(caption_java.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(subprocess, "run", run)
    return asked


def test_meteor_is_asked_in_its_own_words(
    program: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        figures = java_figures(REFERENCES, ANSWERS)
    assert figures["meteor"] == 0.4  # the last line is of the corpus
    said = [one.message for one in caplog.records if one.levelno == logging.INFO]
    assert said[0] == (
        "METEOR: its Java program reads its tables and 2 captions, which may take minutes"
    )
    assert said[1] == "METEOR: 0 s"
    assert program[:2] == [
        "SCORE ||| a man runs ||| someone runs ||| a man is running",
        "SCORE ||| two dogs play ||| dogs  playing",
    ]
    assert program[2] == f"EVAL ||| {len(program[0])}.0 1.0 ||| {len(program[1])}.0 1.0"


def test_what_is_missing_is_told_and_the_figure_is_none(
    program: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert math.isnan(java_figures(REFERENCES, ANSWERS)["spice"])
    assert "SPICE: n/a: needs spice/spice-1.0.jar, spice/lib/stanford-corenlp" in caplog.text
    monkeypatch.setattr(caption_java, "_package", lambda: None)
    assert missing_part(()) == "needs the package pycocoevalcap"
    monkeypatch.setattr(caption_java.shutil, "which", lambda name: None)
    assert missing_part(()) == "needs the program java"
    figures = java_figures(REFERENCES, ANSWERS)
    assert set(figures) == {"meteor", "spice"} and all(map(math.isnan, figures.values()))


def test_a_program_that_fails_leaves_no_figure(
    program: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    silent = subprocess.CompletedProcess([], 0, "")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: silent)
    with caplog.at_level(logging.WARNING):
        assert math.isnan(java_figures(REFERENCES, ANSWERS)["meteor"])
    assert "METEOR: n/a: METEOR: expected 2 lines, got 0" in caplog.text


@pytest.mark.slow
def test_meteor_is_that_of_pycocoevalcap() -> None:
    """The figure is what ``Meteor().compute_score`` of pycocoevalcap 1.2 gives."""
    if missing_part(("meteor/meteor-1.5.jar",)):
        pytest.skip("needs Java and pycocoevalcap")
    references = [
        [["a", "man", "rides", "a", "horse"], ["someone", "riding", "a", "horse"]],
        [["two", "dogs", "play"]],
    ]
    answers = [["a", "man", "is", "riding", "a", "horse"], ["dogs", "are", "playing"]]
    assert caption_java.meteor(references, answers) == pytest.approx(0.40509127668244455)
