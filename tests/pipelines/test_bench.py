import json
import sys
import types

import pytest
import torch

from rnnmm.bench.row import Row, higher_wins, limit, missing
from rnnmm.pipelines.bench import _line, main


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(device: torch.device) -> list[Row]:
        return [limit("memcpy", "GB/s", 9.5)]

    module = types.SimpleNamespace(measure=measure)
    monkeypatch.setitem(sys.modules, "rnnmm.bench.limits", module)


@pytest.mark.usefixtures("planted")
def test_a_benchmark_writes_its_rows(tmp_path, capsys) -> None:
    assert main(["limits", f"out={tmp_path}"]) == 0
    assert json.loads((tmp_path / "limits.json").read_text())["rows"][0]["ours"] == 9.5
    assert (
        (tmp_path / "limits.md").read_text().splitlines()[2].startswith("| limit | memcpy | 9.5 ")
    )
    assert "memcpy" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["limit"], r"unknown word limit \(did you mean limits\?\)"),
        ([], "expected the name of a benchmark, got none"),
        (["limits", "device=tpu"], "device: expected cpu or cuda, got tpu"),
    ],
)
def test_what_it_does_not_know_is_named(words, message) -> None:
    with pytest.raises(ValueError, match=message):
        main(words)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_missing_device_is_named() -> None:
    with pytest.raises(ValueError, match="torch sees no such device here"):
        main(["limits", "device=cuda"])


def test_the_verdict_comes_first() -> None:
    row = higher_wins("P4", "decode", "frames/s", 90.0, "OpenCV", 100.0, 1.2)
    assert _line(row) == "  NO  P4    decode: 90 frames/s; OpenCV 100; ratio 0.9, goal 1.2"
    gone = missing("P2", "loader", "s", 1.0, "lhotse (not installed)")
    assert _line(gone) == "      P2    loader: 1 s; lhotse (not installed)"
