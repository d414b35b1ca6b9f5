"""The verbs on a tiny corpus made here: real files, real codecs, the whole way."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from rnnmm.pipelines.cli import main

RATE = 8000
PITCHES_HZ = {"high": 900, "low": 200, "mid": 450}
SMALL = [
    "preprocess=audio_8khz",
    "features=log_mel_8khz_level",
    "model=crnn_classifier",
    "model.encoder.hidden_dim=8",
    "model.encoder.channels=[4,4]",
    "task=speaker",
    "loader.batch_size=4",
    "optim.learning_rate=0.02",
    "trainer.accelerator=cpu",
    "trainer.average_decay=0.5",
]


def tone(name: str, seed: int, rate: int = RATE, seconds: float = 0.3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    t = np.arange(int(rate * seconds * rng.uniform(0.7, 1.3))) / rate
    wave = np.sin(2 * np.pi * PITCHES_HZ[name] * rng.uniform(0.95, 1.05) * t)
    return 0.5 * wave + 0.02 * rng.standard_normal(len(t))


def make_tree(root: Path, splits: dict[str, int], rate: int = RATE, suffix: str = "wav") -> Path:
    for split, count in splits.items():
        for name in PITCHES_HZ:
            folder = root / split / name
            folder.mkdir(parents=True)
            for take in range(count):
                sound = tone(name, 1000 * len(split) + take, rate)
                soundfile.write(folder / f"{take}.{suffix}", sound, rate)
    return root


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tree(tmp_path_factory.mktemp("corpus"), {"train": 6, "val": 2, "test": 3})


def words(corpus: Path, work: Path, *more: str) -> list[str]:
    return [
        "dataset=folder", f"dataset.root={corpus}", f"store.root={work / 'stores'}",
        f"run.dir={work / 'run'}", *SMALL, "trainer.max_epochs=6", *more,
    ]  # fmt: skip


@pytest.fixture(scope="module")
def run(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("work")
    assert main(["run", *words(corpus, work)]) == 0
    return work / "run"


def read(path: Path) -> dict:
    return json.loads(path.read_text())


def test_a_run_leaves_what_the_contract_says(run: Path) -> None:
    metrics = read(run / "metrics.json")
    assert {
        "schema", "task", "dataset", "split", "num_items", "metrics", "floors", "counts",
        "seconds", "fingerprints", "versions",
    } <= set(metrics)  # fmt: skip
    assert metrics["schema"] == 1
    assert (metrics["task"], metrics["split"], metrics["num_items"]) == ("speaker", "test", 9)
    assert set(metrics["seconds"]) == {"preprocess", "train", "evaluate"}
    assert metrics["floors"]["accuracy"] == pytest.approx(1 / 3)
    assert metrics["metrics"]["accuracy"] > 0.6
    lines = [json.loads(line) for line in (run / "predictions.jsonl").read_text().splitlines()]
    assert len(lines) == 9
    assert {"id", "reference", "hypothesis", "score"} <= set(lines[0])
    right = sum(line["reference"] == line["hypothesis"] for line in lines)
    assert right / 9 == pytest.approx(metrics["metrics"]["accuracy"])
    for name in ("config.yaml", "overrides.txt", "git.txt", "environment.txt", "report.html",
                 "log.txt", "history.csv", "checkpoints/last.ckpt"):  # fmt: skip
        assert (run / name).is_file(), name


def test_a_rerun_trains_nothing_and_measures_the_same(
    run: Path, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, weights = read(run / "metrics.json"), (run / "model.safetensors").stat().st_mtime_ns
    assert main(["run", *words(corpus, run.parent)]) == 0
    assert (run / "model.safetensors").stat().st_mtime_ns == weights
    assert read(run / "metrics.json")["metrics"] == before["metrics"]


def test_another_config_in_the_same_folder_is_refused(
    run: Path, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *words(corpus, run.parent, "seed=1")]) == 1
    assert "holds a run with another seed" in capsys.readouterr().err


def test_other_files_are_measured_into_another_folder(run: Path, tmp_path: Path) -> None:
    other = make_tree(tmp_path / "other", {"": 2}, rate=16000, suffix="flac")
    out = tmp_path / "out"
    arguments = [f"run.dir={run}", f"dataset.root={other}", "split=all", f"run.out={out}"]
    assert main(["evaluate", *arguments]) == 0
    metrics = read(out / "metrics.json")
    assert (metrics["num_items"], metrics["split"]) == (6, "all")
    assert metrics["fingerprints"]["store"] != metrics["fingerprints"]["trained_on"]
    assert len((out / "predictions.jsonl").read_text().splitlines()) == 6


def test_a_manifest_is_measured_too(run: Path, corpus: Path, tmp_path: Path) -> None:
    table = tmp_path / "list.csv"
    table.write_text("path,speaker,start,end\ntest/low/0.wav,low,0,0.15\ntest/mid/1.wav,zed,,\n")
    arguments = [f"run.dir={run}", "dataset=manifest", f"dataset.path={table}",
                 f"dataset.root={corpus}", f"run.out={tmp_path / 'out'}"]  # fmt: skip
    assert main(["evaluate", *arguments]) == 0
    metrics = read(tmp_path / "out" / "metrics.json")
    assert metrics["num_items"] == 2
    # A speaker nobody trained on can never be answered, and counts as wrong.
    assert metrics["metrics"]["accuracy"] <= 0.5
    assert "zed" in metrics["counts"]["classes"]


def test_predict_answers_and_names_what_it_cannot(
    run: Path, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "page.wav").write_text("<html>not found</html>")
    good = corpus / "test" / "low" / "0.wav"
    out = tmp_path / "out"
    assert main(["predict", f"run.dir={run}", f"inputs=[{good}]", f"run.out={out}"]) == 0
    answer = json.loads((out / "predicted.jsonl").read_text())
    assert answer["path"] == str(good)
    assert answer["hypothesis"] in PITCHES_HZ
    expected = next(
        line
        for line in map(json.loads, (run / "predictions.jsonl").read_text().splitlines())
        if line["path"] == "test/low/0.wav"
    )
    assert answer["hypothesis"] == expected["hypothesis"]
    assert answer["score"] == pytest.approx(expected["score"], abs=1e-5)
    more = f"inputs=[{good},{tmp_path / 'page.wav'},{tmp_path / 'gone.wav'},{tmp_path}]"
    capsys.readouterr()
    assert main(["predict", f"run.dir={run}", more, f"run.out={out}"]) == 1
    printed = capsys.readouterr().out
    assert "1 answers" in printed
    assert "page.wav: not a media file" in printed
    assert "gone.wav: no such file" in printed
    assert "a folder, expected files" in printed


def test_predict_follows_links(run: Path, corpus: Path, tmp_path: Path) -> None:
    link = tmp_path / "shelf" / "mine.wav"
    link.parent.mkdir()
    link.symlink_to(corpus / "test" / "low" / "0.wav")
    assert main(["predict", f"run.dir={run}", f"inputs=[{link}]", f"run.out={tmp_path}"]) == 0
    assert read(tmp_path / "predicted.jsonl")["path"] == str(link)


def test_predict_of_nothing_readable_names_every_file(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one.wav", "two.wav"):
        (tmp_path / name).write_text("<html>not found</html>")
    inputs = f"inputs=[{tmp_path / 'one.wav'},{tmp_path / 'two.wav'}]"
    assert main(["predict", f"run.dir={run}", inputs, f"run.out={tmp_path / 'out'}"]) == 1
    printed = capsys.readouterr().out
    assert "no answer for" in printed
    assert "one.wav" in printed
    assert "two.wav" in printed
    assert (tmp_path / "out" / "predicted.jsonl").read_text() == ""
    assert main(["predict", f"run.dir={run}"]) == 1
    assert "inputs: expected files, got none" in capsys.readouterr().err


def test_show_trains_nothing(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", *words(corpus, tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "Padded((4, " in printed
    assert "trainable numbers" in printed
    assert not (tmp_path / "run").exists()


def test_evaluating_nothing_is_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", f"run.dir={tmp_path}"]) == 2
    assert "no finished run there" in capsys.readouterr().err


def write_table(path: Path, *more: str) -> str:
    rows = [f"{split}/{name}/0.wav,{name},{split}" for split in ("train", "val")
            for name in PITCHES_HZ]  # fmt: skip
    path.write_text("\n".join(["path,speaker,split", *rows, *more]) + "\n")
    return f"dataset.path={path}"


def test_a_class_unseen_in_training_is_named_and_scored(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_table(tmp_path / "list.csv", "val/low/1.wav,zed,val")
    arguments = ["dataset=manifest", path, f"dataset.root={corpus}", *words(corpus, tmp_path)[2:]]
    assert main(["train", *arguments, "trainer.max_epochs=1"]) == 0
    assert "a class unseen in training: 'zed'" in capsys.readouterr().err


def test_rows_without_a_reference_are_named_and_refused(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_table(tmp_path / "list.csv", "train/low/1.wav,,train")
    arguments = ["dataset=manifest", path, f"dataset.root={corpus}", *words(corpus, tmp_path)[2:]]
    assert main(["train", *arguments]) == 1
    assert "train/low/1.wav): no class to compare with" in capsys.readouterr().err


def test_killed_training_ends_like_an_undisturbed_one(
    run: Path, corpus: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", "import sys; from rnnmm.pipelines.cli import main; "
               "sys.exit(main())", "train", *words(corpus, tmp_path)]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as killed:
        last = tmp_path / "run" / "checkpoints" / "last.ckpt"
        deadline = time.monotonic() + 60
        while not last.exists() and killed.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        os.kill(killed.pid, signal.SIGKILL)
    assert last.exists()
    assert not (tmp_path / "run" / "model.safetensors").exists(), "killed too late to prove it"
    decoding = read(tmp_path / "run" / "run.json")["seconds"]["preprocess"]
    assert main(["train", *words(corpus, tmp_path)]) == 0
    mine, undisturbed = (
        (folder / "model.safetensors").read_bytes() for folder in (tmp_path / "run", run)
    )
    assert mine == undisturbed
    # The rerun found its store ready, which took no time: the true cost is the first one's.
    assert read(tmp_path / "run" / "run.json")["seconds"]["preprocess"] == decoding
