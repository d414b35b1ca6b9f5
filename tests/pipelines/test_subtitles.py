"""A recogniser of three words, each a pitch: its answers as rows and as subtitles."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tones import PITCHES_HZ, read

from rnnmm.pipelines.cli import main
from rnnmm.pipelines.predict import distinct_names


@pytest.fixture(scope="module")
def recogniser(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    work = tmp_path_factory.mktemp("recogniser")
    paths = [path.relative_to(corpus) for path in sorted(corpus.rglob("*.wav"))]
    rows = [f"{path},{path.parts[0]},{path.parts[1]} {path.parts[1]}" for path in paths]
    (work / "table.csv").write_text("\n".join(["path,split,text", *rows]))
    words = [
        "dataset=manifest", f"dataset.path={work / 'table.csv'}", f"dataset.root={corpus}",
        f"store.root={work / 'stores'}", f"run.dir={work / 'run'}", "preprocess=audio_8khz",
        "features=log_mel_8khz_level", "model=crnn_ctc", "model.encoder.channels=[4,4]",
        "model.encoder.hidden_dim=16", "task=asr", "task.target.unit=word", "loader.batch_size=4",
        "optim.learning_rate=0.03", "trainer.accelerator=cpu", "trainer.max_epochs=12",
    ]  # fmt: skip
    assert main(["run", *words]) == 0
    yield work / "run"


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_words_confidence_and_its_error_stand_in_the_results(recogniser: Path) -> None:
    figures = read(recogniser / "metrics.json")
    counts = figures["counts"]["confidence"]
    assert figures["metrics"]["ece"] == counts["ece_after"]
    assert figures["floors"]["ece"] == counts["wrong"]
    rows = lines_of(recogniser / "predictions.jsonl")
    assert sum(len(row["words"]) for row in rows) == counts["words"] > 0
    for row in rows:
        assert " ".join(word["word"] for word in row["words"]) == row["hypothesis"]
        assert 0 <= row["confidence"] <= 1
        for word in row["words"]:
            assert 0 <= word["start_s"] < word["end_s"] < 0.5
    # Words and how sure they are stand on the page, too.
    assert 'class="sure"' in (recogniser / "report.html").read_text()


def test_a_run_from_before_there_were_these_can_have_them(
    recogniser: Path, corpus: Path, tmp_path: Path
) -> None:
    """No calibration, no key for subtitles; then with a calibration that doubts everything."""
    run, out = tmp_path / "run", tmp_path / "out"
    shutil.copytree(recogniser, run)
    config = run / "config.yaml"
    config.write_text(config.read_text().replace("subtitles: null\n", ""))
    answers = json.loads((run / "answers.json").read_text())
    answers.pop("confidence", None)
    inputs = ",".join(str(path) for path in sorted(corpus.glob("test/*/0.wav")))
    words = [f"run.dir={run}", f"inputs=[{inputs}]", f"run.out={out}", "subtitles=vtt"]
    sure = []
    for more in ({}, {"confidence": {"schema": 1, "slope": 0.5, "intercept": -9.0}}):
        (run / "answers.json").write_text(json.dumps({**answers, **more}))
        assert main(["predict", *words]) == 0
        rows = lines_of(out / "predicted.jsonl")
        sure.append([word["confidence"] for row in rows for word in row["words"]])
        assert (out / "0.vtt").read_text("utf-8").startswith("WEBVTT\n")
    bare, doubted = sure
    assert bare and max(doubted) < 0.02 < min(bare)


def test_subtitles_lie_beside_the_answers_and_none_is_overwritten(
    recogniser: Path, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inputs = ",".join(str(corpus / "test" / name / "0.wav") for name in PITCHES_HZ)
    words = [f"run.dir={recogniser}", f"run.out={tmp_path}", "subtitles=srt"]
    assert main(["predict", *words, f"inputs=[{inputs}]"]) == 0
    rows = lines_of(tmp_path / "predicted.jsonl")
    names = ["0.srt", "0.2.srt", "0.3.srt"]
    assert [row["subtitles"] for row in rows] == names
    assert sorted(os.listdir(tmp_path)) == sorted(["predicted.jsonl", *names])
    written = [str(tmp_path / name) for name in [*names, "predicted.jsonl"]]
    assert capsys.readouterr().out.splitlines()[-4:] == written
    for row in rows:
        text = (tmp_path / row["subtitles"]).read_text("utf-8")
        assert text.startswith("1\n00:00:") if row["words"] else text == ""
        assert row["hypothesis"] in text


def test_names_are_told_apart_by_number() -> None:
    assert distinct_names(["a", "b", "a"], "srt") == ["a.srt", "b.srt", "a.2.srt"]
    # A name that somebody else asked for is his.
    assert distinct_names(["a", "a", "a.2"], "vtt") == ["a.vtt", "a.3.vtt", "a.2.vtt"]
    assert distinct_names(["A", "a"], "srt") == ["A.srt", "a.2.srt"]


def test_a_run_without_words_is_refused_before_anything_is_decoded(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [f"run.dir={run}", f"inputs=[{tmp_path / 'gone.wav'}]", f"run.out={tmp_path / 'out'}"]
    assert main(["predict", *words, "subtitles=srt"]) == 1
    printed = capsys.readouterr()
    assert "expected a run whose answers are words with times, got one of task speaker" in (
        printed.err
    )
    assert "gone.wav" not in printed.out and not (tmp_path / "out").exists()


def test_a_run_of_steps_without_a_rate_is_refused(
    recogniser: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(recogniser, run)
    config = run / "config.yaml"
    config.write_text(config.read_text().replace("inputs: audio", "inputs: features"))
    words = [f"run.dir={run}", f"inputs=[{tmp_path / 'gone.wav'}]", "subtitles=vtt"]
    assert main(["predict", *words]) == 1
    assert "how long a step of features is, got no rate; give task.target.input_rate=HZ" in (
        capsys.readouterr().err
    )


def test_other_formats_and_keys_are_named(
    recogniser: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", f"run.dir={recogniser}", "inputs=[a.wav]", "subtitles=ass"]) == 2
    assert "subtitles: expected 'srt' | 'vtt' | null, got str 'ass'" in capsys.readouterr().err
