from pathlib import Path

import pytest

from rnnmm.pipelines.cli import main


def test_a_run_of_another_task_is_refused(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tune-decode", f"run.dir={run}", f"run.out={tmp_path / 'out'}"]) == 1
    assert "expected a run that recognises speech, got speaker" in capsys.readouterr().err
    assert not list((tmp_path / "out").iterdir())
