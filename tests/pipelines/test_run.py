"""The verbs on a tiny corpus made here: real files, real codecs, the whole way."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tones import PITCHES_HZ, read, words

from rnnmm.pipelines.cli import main


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


def test_two_processes_do_not_train_in_one_folder(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run").mkdir()
    other = os.open(tmp_path / "run", os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    again = words(corpus, tmp_path, "trainer.max_epochs=1")
    assert main(["train", *again]) == 1
    assert "another process is at work; wait for it" in capsys.readouterr().err
    os.close(other)
    assert main(["train", *again]) == 0


def test_another_config_in_the_same_folder_is_refused(
    run: Path, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *words(corpus, run.parent, "seed=1")]) == 1
    assert "holds a run with another seed" in capsys.readouterr().err


def test_a_word_put_right_starts_in_the_same_folder(
    run: Path, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = words(corpus, tmp_path, "trainer.max_epochs=1")
    assert main(["train", *again, f"run.init={tmp_path / 'rum'}"]) == 1
    assert "rum: expected a trained run, found no config.yaml" in capsys.readouterr().err
    assert main(["train", *again, f"run.init={run}"]) == 0
    assert f"run.init={run}\n" in (tmp_path / "run" / "overrides.txt").read_text()
    assert f"init: {run}\n" in (tmp_path / "run" / "config.yaml").read_text()


def test_show_trains_nothing(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", *words(corpus, tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "Padded((4, " in printed
    assert "trainable numbers" in printed
    assert not (tmp_path / "run").exists()


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


def test_a_folder_of_media_is_no_place_for_a_run(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "clips"
    mine.mkdir()
    (mine / "holiday.mp4").touch()
    for verb in ("train", "run"):
        assert main([verb, *words(corpus, tmp_path), f"run.dir={mine}"]) == 1
        assert "1 other entry in it (holiday.mp4); choose another" in capsys.readouterr().err
    assert [path.name for path in mine.iterdir()] == ["holiday.mp4"]
    assert not (tmp_path / "stores").exists()


def test_an_empty_split_is_found_before_the_training(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = [f"dataset.root={corpus}", *words(corpus, tmp_path)[2:]]
    path = write_table(tmp_path / "list.csv")
    assert main(["run", "dataset=manifest", path, *table]) == 1
    said = capsys.readouterr().err
    wanted = "expected items in test, got 3 train, 3 val, 0 test; add files, or say which"
    assert wanted in said
    assert not (tmp_path / "run" / "run.json").exists()
    assert not list(tmp_path.rglob("*.arrow")), "nothing was decoded"


def test_a_file_is_no_place_for_a_run(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    for place in ("file", "file/below"):
        assert main(["run", *words(corpus, tmp_path), f"run.dir={tmp_path / place}"]) == 1
        said = capsys.readouterr().err
        assert f"expected a folder to write results into, got {tmp_path / place} (" in said
        assert "choose another with run.dir or run.out" in said


def test_a_rerun_of_another_split_leaves_the_figures_alone(
    run: Path, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (run / "metrics.json").read_bytes()
    assert main(["run", *words(corpus, run.parent), "split=train"]) == 0
    assert (run / "metrics.json").read_bytes() == before
    assert read(run / "train" / "metrics.json")["num_items"] == 18
