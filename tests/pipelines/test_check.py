from pathlib import Path

import pytest

from rnnmm.pipelines.check import main

EXPERIMENTS = sorted((Path(__file__).parents[2] / "configs" / "experiment").glob("*.yaml"))


def test_there_are_experiments() -> None:
    assert EXPERIMENTS


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_every_experiment_is_without_fault(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    where = "dataset.path=list.csv" if path.stem.startswith("manifest") else "dataset.root=media"
    assert main([f"experiment={path.stem}", where]) == 0
    assert capsys.readouterr().out == f"no faults in {path.stem}\n"
    assert list(tmp_path.iterdir()) == []


def test_faults_are_all_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        main(["experiment=fsdd_asr", "trainer.max_epohcs=3", "sed=1"])
    assert stop.value.code == 2
    header, *faults = capsys.readouterr().err.splitlines()
    assert header == "3 faults in the configuration, nothing was written:"
    assert [fault.split(":")[0].strip() for fault in faults] == [
        "sed",
        "dataset.root",
        "trainer.max_epohcs",
    ]
    assert list(tmp_path.iterdir()) == []
