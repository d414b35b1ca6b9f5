import json
from pathlib import Path

import pytest

from rnnmm.configfile import dump_config
from rnnmm.pipelines.cli import main


def leave_a_run(folder: Path, **more: object) -> None:
    folder.mkdir(parents=True)
    config = {"experiment": "fsdd_asr", "seed": 3, "split": "test", "run": {"dir": None}}
    (folder / "config.yaml").write_text(dump_config(config))
    (folder / "git.txt").write_text("0123456789abcdef-dirty\n")
    (folder / "overrides.txt").write_text("experiment=fsdd_asr\nrun.dir=x\ntrainer.max_epochs=2\n")
    metrics = {
        "split": "test",
        "num_items": 300,
        "metrics": {"wer": 0.0033, "cer": 0.001},
        "floors": {"wer": 1.0, "cer": 1.0},
        "counts": {"parameters": 1234},
        "seconds": {"preprocess": 2.4, "train": 60.2, "evaluate": 1.0},
        "versions": {"hardware": "x86_64 CPU, 2 threads"},
        **more,
    }
    (folder / "metrics.json").write_text(json.dumps(metrics))


def test_each_run_is_a_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leave_a_run(tmp_path / "b" / "one")
    assert main(["results", f"run.dir={tmp_path}"]) == 0
    row = capsys.readouterr().out.splitlines()[2]
    assert row == (
        "| fsdd_asr | test | 300 | wer | 0.0033 | 1.0000 | 1,234 | 3 | 2 + 60 + 1 "
        "| x86_64 CPU, 2 threads | 0123456789ab-dirty | `trainer.max_epochs=2` |"
    )


def test_further_measurements_of_a_run_say_where_they_lie(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leave_a_run(tmp_path / "one")
    noisy = tmp_path / "one" / "degraded" / "babble_-5db"
    noisy.mkdir(parents=True)
    metrics = json.loads((tmp_path / "one" / "metrics.json").read_text())
    (noisy / "metrics.json").write_text(json.dumps({**metrics, "metrics": {"wer": 0.5}}))
    assert main(["results", f"run.dir={tmp_path}"]) == 0
    own, further = capsys.readouterr().out.splitlines()[2:]
    assert "| wer | 0.0033 |" in own and "in `" not in own
    assert "| wer | 0.5000 |" in further
    assert further.endswith("`trainer.max_epochs=2` in `degraded/babble_-5db` |")


def test_figures_that_are_nobody_s_are_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leave_a_run(tmp_path / "above" / "one")
    (tmp_path / "config.yaml").write_text("experiment: other\n")  # above what was asked for
    lone = tmp_path / "above" / "lone"
    lone.mkdir()
    (lone / "metrics.json").write_text("{}")
    assert main(["results", f"run.dir={tmp_path / 'above'}"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_a_task_without_a_headline_shows_its_first_figure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = {"frame_f1": 0.9, "frame_recall": 0.8}
    leave_a_run(tmp_path / "one", metrics=figures, floors=dict.fromkeys(figures, 0.5))
    assert main(["results", f"run.dir={tmp_path}"]) == 0
    assert "| frame_f1 | 0.9000 | 0.5000 |" in capsys.readouterr().out


def test_an_interval_stands_behind_its_value(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    interval = {"low": 0.0012, "high": 0.00641, "level": 0.95, "units": 300}
    leave_a_run(tmp_path / "one", intervals={"wer": interval})
    leave_a_run(tmp_path / "two", metrics={"wer": None}, floors={"wer": None})
    assert main(["results", f"run.dir={tmp_path}"]) == 0
    one, two = capsys.readouterr().out.splitlines()[2:]
    assert "| wer | 0.0033 (0.0012 to 0.0064) | 1.0000 |" in one
    assert "| wer | n/a | n/a |" in two


def test_every_task_has_its_figure_and_old_runs_are_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leave_a_run(tmp_path / "one", metrics={"eer": 0.02}, floors={"eer": 0.5})
    leave_a_run(tmp_path / "two", metrics={"perplexity": 2.5}, floors={"perplexity": 15.0})
    config = tmp_path / "two" / "config.yaml"
    config.write_text(config.read_text() + "model: {_target_: rnnmm.models.gone.Model}\n")
    assert main(["results", f"run.dir={tmp_path}"]) == 0
    one, two = capsys.readouterr().out.splitlines()[2:]
    assert "| eer | 0.0200 | 0.5000 |" in one
    assert "| perplexity | 2.5000 | 15.0000 |" in two


def test_a_folder_without_runs_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["results", f"run.dir={tmp_path}"]) == 1
    assert "expected finished runs below it, found none" in capsys.readouterr().err
