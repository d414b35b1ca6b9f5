"""A language model of a plain text, from the file to what it writes."""

import json
from pathlib import Path

import pytest
from tones import read

from rnnmm.pipelines.cli import main

NAMES = ("anna", "ben", "carl", "dora", "emil")
VERBS = ("sings", "runs", "reads")


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small story, and what was trained on it; not to be changed."""
    folder = tmp_path_factory.mktemp("story")
    story = [f"{name} {verb}." for name in NAMES for verb in VERBS]
    text = "\ufeff" + "\r\n\r\n".join(line.capitalize() for line in story)
    (folder / "story.txt").write_bytes(text.encode())
    words = [
        "run", "experiment=text_lm", f"dataset.path={folder / 'story.txt'}",
        f"store.root={folder / 'stores'}", f"run.dir={folder / 'run'}", "model.hidden_dim=32",
        "model.embedding_dim=8", "trainer.max_epochs=12", "trainer.accelerator=cpu",
        "optim.learning_rate=0.03", "loader.batch_size=4", "task.target.ngram_order=2",
    ]  # fmt: skip
    assert main(words) == 0
    return folder


def write(work: Path, out: Path, *words: str) -> list[dict]:
    assert main(["predict", f"run.dir={work / 'run'}", f"run.out={out}", *words]) == 0
    return lines(out / "predicted.jsonl")


def test_a_text_is_learned_and_measured(work: Path) -> None:
    metrics = read(work / "run" / "metrics.json")
    assert (metrics["task"], metrics["dataset"], metrics["num_items"]) == ("lm", "text", 2)
    assert metrics["metrics"]["perplexity"] < metrics["floors"]["perplexity"]
    assert metrics["counts"]["impossible"] == 0
    (store,) = work.glob("stores/text-*")
    assert read(store / "store.json")["splits"] == {"train": 11, "val": 2, "test": 2}
    assert "\\data\\" in (work / "run" / "words.arpa").read_text()
    assert (work / "run" / "report.html").is_file()


def test_texts_are_written_by_the_seed(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn = write(work, tmp_path, "num_texts=4", "temperature=0.5", "seed=1")
    printed = capsys.readouterr().out
    assert "lm: 4 texts\n" in printed
    assert all(row["hypothesis"] in printed for row in drawn)
    assert [set(row) for row in drawn] == [{"hypothesis", "score"}] * 4
    assert drawn == write(work, tmp_path, "num_texts=4", "temperature=0.5", "seed=1")
    assert drawn != write(work, tmp_path, "num_texts=4", "temperature=0.5", "seed=2")
    assert len(write(work, tmp_path)) == 5
    greedy = write(work, tmp_path, "top_k=1", "begin=Anna")
    assert {row["hypothesis"] for row in greedy} <= {f"anna {verb}." for verb in VERBS}
    (short,) = write(work, tmp_path, "num_texts=1", "begin=ben r", "max_symbols=6", "top_p=0.5")
    assert short["hypothesis"].startswith("ben r")
    assert len(short["hypothesis"]) == 6


def test_another_text_is_measured_whole(work: Path, tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("Anna runs.\nBen sings.\nCarl reads.\n", encoding="utf-8")
    words = [f"run.dir={work / 'run'}", f"dataset.path={tmp_path / 'other.txt'}"]
    assert main(["evaluate", *words, f"run.out={tmp_path / 'out'}"]) == 0
    assert read(tmp_path / "out" / "metrics.json")["num_items"] == 3


def test_media_are_refused(work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["predict", f"run.dir={work / 'run'}", f"run.out={tmp_path}"]
    assert main([*words, "inputs=a.wav"]) == 1
    assert capsys.readouterr().err.startswith(
        "rnnmm predict: inputs: expected none for the run of a language model, which writes "
        "texts and reads no media; leave out inputs"
    )
    assert main([*words, "subtitles=srt", "annotate=true"]) == 1
    assert "subtitles and annotate: expected none" in capsys.readouterr().err
    assert not (tmp_path / "predicted.jsonl").exists()


def test_words_about_texts_are_checked(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = ["num_texts=0", "temperature=0", "top_k=some", "top_p=2", "max_symbols=1.5"]
    assert main(["predict", f"run.dir={work / 'run'}", *bad]) == 2
    faults = capsys.readouterr().err.splitlines()
    assert faults[:6] == [
        "5 faults, nothing was done:",
        "  num_texts: expected int >= 1, got 0",
        "  max_symbols: expected int >= 1, got 1.5",
        "  temperature: expected float > 0, got 0",
        "  top_k: expected int >= 0, got some",
        "  top_p: expected float in [0, 1], got 2",
    ]
    assert faults[6].startswith("rnnmm predict run.dir=RUN [num_texts=5]")
    assert main(["predict", f"run.dir={work / 'run'}", "begin=anna @"]) == 1
    assert "begin: expected symbols of the run's texts, got '@'" in capsys.readouterr().err


def test_a_text_without_splits_is_not_trained_on(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        "run", "experiment=text_lm", f"dataset.path={work / 'story.txt'}", "dataset.split=files",
        f"store.root={tmp_path / 'stores'}", f"run.dir={tmp_path / 'run'}",
    ]  # fmt: skip
    assert main(words) == 1
    assert "(a folder, a text: dataset.split=seeded" in capsys.readouterr().err
    missing = f"dataset.path={tmp_path / 'gone.txt'}"
    assert main(["check", "experiment=text_lm", missing, f"dataset.test_path={tmp_path}"]) != 0
    printed = "".join(capsys.readouterr())
    assert "dataset.path: expected a file at" in printed
    assert "dataset.test_path: expected a file at" in printed
