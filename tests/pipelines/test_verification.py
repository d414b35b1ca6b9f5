"""Verification on a tiny corpus made here, and on voices that training never heard."""

import json
import shutil
from pathlib import Path

import pytest
from tones import read, words

from rnnmm.pipelines.cli import main

SMALL = (
    "model=crnn_embedder", "model.encoder.channels=[4,4]", "model.encoder.hidden_dim=8",
    "task=verify", "task.target.speeds=[0.8]", "trainer.max_epochs=4",
)  # fmt: skip


@pytest.fixture(scope="module")
def verified(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("verify")
    arguments = [one for one in words(corpus, work) if not one.startswith(("model", "task"))]
    assert main(["run", *arguments, *SMALL]) == 0
    return work / "run"


def test_a_run_measures_all_pairs(verified: Path) -> None:
    metrics = read(verified / "metrics.json")
    assert list(metrics["metrics"]) == ["eer", "min_dcf_01", "min_dcf_001", "cllr", "min_cllr"]
    assert metrics["counts"]["speakers"] == 3
    assert metrics["counts"]["targets"] == 3 * 3
    assert metrics["counts"]["nontargets"] == 3 * 9
    assert metrics["metrics"]["eer"] < 0.3
    lines = (verified / "predictions.jsonl").read_text().splitlines()
    assert "embedding" not in json.loads(lines[0]), "too long for a line"
    assert (verified / "report.html").is_file()


def test_voices_never_heard_are_measured(verified: Path, corpus: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    for name, stranger in (("high", "zoe"), ("low", "yann")):
        shutil.copytree(corpus / "test" / name, other / stranger)
    for batch_size in (1, 4):
        out = tmp_path / f"by_{batch_size}"
        arguments = [f"run.dir={verified}", f"dataset.root={other}", f"run.out={out}"]
        assert main(["evaluate", *arguments, "split=all", f"loader.batch_size={batch_size}"]) == 0
    one, four = (read(tmp_path / name / "metrics.json") for name in ("by_1", "by_4"))
    assert one["counts"]["speakers"] == 2
    assert (one["counts"]["targets"], one["counts"]["nontargets"]) == (2 * 3, 9)
    assert one["metrics"] == pytest.approx(four["metrics"], abs=1e-5)


def test_a_finished_run_scores_by_each_way_and_only_what_is_asked_for(
    verified: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = read(verified / "metrics.json")
    lines = (verified / "scores.txt").read_text().splitlines()
    assert len(lines) == 9 + 27
    trials = tmp_path / "trials.txt"
    trials.write_text("\n".join(" ".join(line.split()[:3]) for line in lines[::3]))
    figures = {}
    for scoring in ("cosine", "as_norm", "plda"):
        out = tmp_path / scoring
        words = [f"run.dir={verified}", f"run.out={out}", f"task.target.scoring={scoring}"]
        assert main(["evaluate", *words]) == 0
        figures[scoring] = read(out / "metrics.json")
        assert figures[scoring]["counts"]["scoring"] == scoring
        assert main(["evaluate", *words, f"task.target.trials={trials}"]) == 0
        assert read(out / "metrics.json")["counts"]["targets"] == 3
        assert len((out / "scores.txt").read_text().splitlines()) == 12
    assert "3 training speakers are too few to level scores by" in capsys.readouterr().err
    assert figures["cosine"]["metrics"] == before["metrics"]
    assert figures["plda"]["metrics"]["cllr"] != before["metrics"]["cllr"]
    trials.write_text("nobody no-one target")
    words = [f"run.dir={verified}", f"run.out={tmp_path / 'out'}", f"task.target.trials={trials}"]
    assert main(["evaluate", *words]) == 1
    assert "trials.txt:1: expected ids out of 9 known ones" in capsys.readouterr().err
    assert main(["evaluate", *words[:2], "task.target.trials=gone.txt"]) == 1
    assert "gone.txt: expected a file" in capsys.readouterr().err
