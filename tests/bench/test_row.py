import json

import pytest
import torch

from rnnmm.bench.row import (
    Row,
    document,
    higher_wins,
    limit,
    lower_wins,
    missing,
    unavailable,
    write_document,
)

CPU = torch.device("cpu")


def test_more_is_better() -> None:
    row = higher_wins("P4", "decode", "frames/s", 120.0, "OpenCV", 100.0, goal=1.2)
    assert row.ratio == pytest.approx(1.2)
    assert row.holds is True
    assert higher_wins("P4", "decode", "frames/s", 90.0, "OpenCV", 100.0, 1.2).holds is False


def test_less_is_better() -> None:
    row = lower_wins("P6", "layer", "s", 0.1, "PackedSequence", 1.0, goal=10.0)
    assert row.ratio == pytest.approx(10.0)
    assert row.holds is True


def test_a_perfect_figure_has_a_finite_ratio() -> None:
    assert lower_wins("P3", "error", "", 0.0, "allowed", 1e-4, 1.0).ratio == 1e12


def test_a_row_without_a_peer_judges_nothing() -> None:
    row = missing("P2", "loader", "s", 1.0, "lhotse (not installed)")
    assert (row.theirs, row.ratio, row.holds) == (None, None, None)
    assert higher_wins("P1", "gather", "GB/s", 1.0, "memcpy", 2.0).holds is None


def test_a_missing_module_is_named() -> None:
    assert unavailable("json", "no_such_module_here") == "no_such_module_here (not installed)"
    assert unavailable("json") is None


def test_the_document_holds_every_field(tmp_path) -> None:
    write_document(tmp_path / "deep" / "x.json", [limit("memcpy", "GB/s", 9.5)], CPU)
    read = json.loads((tmp_path / "deep" / "x.json").read_text())
    assert read["schema"] == 1
    assert {"device", "versions", "rows"} < set(read)
    assert list(read["rows"][0]) == ["id", "name", "unit", "ours", "against", "theirs", "ratio",
                                     "goal", "holds"]  # fmt: skip
    assert torch.__version__.startswith(read["versions"]["torch"])
    assert document([Row("P1", "a", "s", 1.0)], CPU)["rows"][0]["ours"] == 1.0
