import pytest
import torch

from rnnmm.bench import rnn

CPU = torch.device("cpu")


def test_lengths_are_spread_and_unsorted() -> None:
    lengths = rnn.spread_lengths(800)
    assert (int(lengths.min()), int(lengths.max())) == (400, 800)
    assert len(set(lengths.tolist())) == len(lengths)
    assert lengths.tolist() != sorted(lengths.tolist())


def test_every_length_has_its_row_and_goal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rnn, "STEPS", (3, 6))
    monkeypatch.setattr(rnn, "_GRU_STEPS", (3,))
    monkeypatch.setattr(rnn, "_DIM", 4)
    rows = rnn.measure(CPU)
    assert {row.id for row in rows} == {"P6"}
    assert [row.goal for row in rows] == [1.0, 10.0, 1.0, 1.0, 1.0]
    equal = rows[-2:]
    assert all(row.unit == "of the range" and row.holds for row in equal)
