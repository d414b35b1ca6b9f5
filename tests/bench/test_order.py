import numpy as np
import pytest
import torch

from rnnmm.bench import order as bench
from rnnmm.bench.restart import restart
from rnnmm.loading.order import Order


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restarts in this process, of fewer items."""
    monkeypatch.setattr(bench, "ITEMS", 3000)
    monkeypatch.setattr(bench, "MANY_ITEMS", 5000)
    monkeypatch.setattr(bench, "_restart", restart)


@pytest.mark.usefixtures("small")
def test_every_goal_has_its_rows() -> None:
    rows = bench.measure(torch.device("cpu"))
    assert [(row.id, row.goal) for row in rows] == [
        ("P8", 0.95), ("P8", 0.95), ("P8", None), ("P8", None), ("P8", None), ("P8", 1.0),
        ("P10", 1.0), ("P10", 1.0), ("P10", 1.0),
    ]  # fmt: skip
    by_name = {row.name: row for row in rows}
    assert by_name["numbers of ranks (1, 2, 4) with the same global order"].ours == 3
    assert by_name["restarts that find the same ids"].ours == bench.RESTARTS
    assert "lengths to first ids mid-epoch, 5,000 items" in by_name


def test_lengths_are_like_those_of_speech() -> None:
    seconds = bench.speech_lengths(1000) / 16_000
    assert (seconds.min(), seconds.max()) == (2.0, 16.0)
    assert 5 < np.median(seconds) < 7


def order_of(*batches: list[int]) -> Order:
    bounds = np.cumsum([0, *map(len, batches)])
    return Order(np.concatenate(batches), bounds, np.arange(len(batches)))


def test_likeness_of_epochs_is_told() -> None:
    first = order_of([0, 1, 2], [3, 4, 5])
    assert bench.rank_correlation(first, first) == pytest.approx(1)
    assert bench.rank_correlation(first, order_of([5, 4, 3], [2, 1, 0])) == pytest.approx(-1)
    assert bench.mates_again(first, order_of([2, 1, 0], [5, 3, 4])) == 1
    assert bench.mates_again(first, order_of([0, 1, 3], [2, 4, 5])) == pytest.approx(1 / 3)


def test_a_fresh_process_says_what_it_took(tmp_path) -> None:
    np.save(tmp_path / "lengths.npy", bench.speech_lengths(2000))
    found = bench._restart(tmp_path / "lengths.npy")
    assert found["digest"] == restart(tmp_path / "lengths.npy")["digest"]
    assert found["seconds"] > 0
    assert found["bytes"] >= 0
