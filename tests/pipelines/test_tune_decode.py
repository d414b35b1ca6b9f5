from pathlib import Path

import pytest

from rnnmm.pipelines.cli import main
from rnnmm.pipelines.tune_decode import GRID, parse


def test_a_user_says_what_to_try() -> None:
    words = ["run.dir=a", "try.size=[8,16]", "try.length_power=0.5", "seed=1"]
    grid, overrides = parse(words)
    assert grid == {"size": (8, 16), "length_power": (0.5,)}
    assert all(isinstance(size, int) for size in grid["size"])
    assert overrides == ["run.dir=a", "seed=1"]
    assert parse(["run.dir=a"]) == (GRID, ["run.dir=a"])


@pytest.mark.parametrize(
    ("word", "got"), [("try.size=[8,x]", "x"), ("try.size=", "nothing"), ("try.weight=nan", "nan")]
)
def test_what_cannot_be_tried_is_said(
    word: str, got: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(["run.dir=a", word])
    assert ended.value.code == 2
    assert f"expected numbers as [0.2,0.5], got {got}\n" in capsys.readouterr().err


def test_a_run_of_another_task_is_refused(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tune-decode", f"run.dir={run}", f"run.out={tmp_path / 'out'}"]) == 1
    assert "expected a run that recognises speech, got speaker" in capsys.readouterr().err
    assert not list((tmp_path / "out").iterdir())
