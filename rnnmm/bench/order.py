"""The batch order: how little is padded, how well it shuffles, how fast it is found again."""

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

from rnnmm.bench.restart import BUDGET, RATE_HZ
from rnnmm.bench.row import Row, higher_wins, lower_wins
from rnnmm.loading.digest import merge_shares
from rnnmm.loading.order import Batching, Int64, Order, epoch_order, padding_efficiency

ITEMS, MANY_ITEMS = 100_000, 10_000_000
RESTARTS = 5
_MOST_S, _MOST_BYTES = 5.0, 1e9
_WORLDS = (1, 2, 4)


def measure(device: torch.device) -> list[Row]:
    """All rows; the order is made on the CPU, whatever the device."""
    lengths = speech_lengths(ITEMS)
    return [*packing(lengths), *shuffling(lengths), same_order(lengths), *restarting(MANY_ITEMS)]


def speech_lengths(num_items: int) -> Int64:
    """``(num_items,)`` samples of utterances of 2 to 16 s, log-normal like LibriSpeech's."""
    generator = np.random.Generator(np.random.Philox(2026))
    seconds = generator.lognormal(np.log(6.0), 0.6, num_items).clip(2.0, 16.0)
    return (seconds * RATE_HZ).astype(np.int64)


def packing(lengths: Int64) -> list[Row]:
    """Padding efficiency under a budget of seconds, of items, and what no buckets would give."""
    name, unit = "padding efficiency", "fraction"
    by_seconds, by_items = _order(lengths, BUDGET), _order(lengths, Batching(16))
    ours = padding_efficiency(by_seconds, lengths)
    return [
        higher_wins("P8", f"{name}, 128 s a step", unit, ours, "no padding", 1.0, 0.95),
        higher_wins("P8", f"{name}, 16 items a step", unit,
                    padding_efficiency(by_items, lengths), "no padding", 1.0, 0.95),
        higher_wins("P8", f"{name}, 128 s a step", unit, ours, "as many items, not bucketed",
                    padding_efficiency(_unbucketed(by_seconds), lengths)),
    ]  # fmt: skip


def shuffling(lengths: Int64) -> list[Row]:
    """How alike two epochs are: the order of all items, and who is in a batch with whom."""
    first, second = (_order(lengths, BUDGET, epoch) for epoch in (0, 1))
    return [
        Row("P8", "rank correlation of item order, epoch to epoch", "rho",
            rank_correlation(first, second), "perfect shuffle", 0.0),
        Row("P8", "batch mates that are mates again next epoch", "fraction",
            mates_again(first, second), "as many items, not bucketed",
            mates_again(_unbucketed(first), _unbucketed(second))),
    ]  # fmt: skip


def rank_correlation(first: Order, second: Order) -> float:
    """Spearman's, of the positions of all items in two epochs."""
    one, other = (np.argsort(np.concatenate(list(order))) for order in (first, second))
    return float(np.corrcoef(one, other)[0, 1])


def mates_again(first: Order, second: Order) -> float:
    """Of all pairs that share a batch in one epoch, the fraction that does in the next."""
    batch_of = np.empty(len(second.items), np.int64)
    for number, items in enumerate(second):
        batch_of[items] = number
    again = sum(_num_pairs(np.unique(batch_of[items], return_counts=True)[1]) for items in first)
    return again / _num_pairs(np.diff(first.bounds))


def same_order(lengths: Int64) -> Row:
    """For how many numbers of ranks every step, put together again, is that of one rank."""
    order = _order(lengths, BUDGET)
    alike = sum(all(_is_dealt(order, step, world) for step in range(len(order)))
                for world in _WORLDS)  # fmt: skip
    name = f"numbers of ranks ({', '.join(map(str, _WORLDS))}) with the same global order"
    return higher_wins("P8", name, "of 3", alike, "all of them", len(_WORLDS), 1.0)


def restarting(num_items: int) -> list[Row]:
    """Fresh processes that start in the middle of an epoch: time, memory, and the same batch."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lengths.npy"
        np.save(path, speech_lengths(num_items))
        runs = [_restart(path) for _ in range(RESTARTS)]
    seconds = statistics.median(run["seconds"] for run in runs)
    alike = sum(run["digest"] == runs[0]["digest"] for run in runs)
    at = f"mid-epoch, {num_items:,} items"
    return [
        lower_wins("P10", f"lengths to first ids {at}", "s", seconds, "allowed", _MOST_S, 1.0),
        lower_wins("P10", f"memory for it {at}", "GB", max(run["bytes"] for run in runs) / 1e9,
                   "allowed", _MOST_BYTES / 1e9, 1.0),
        higher_wins("P10", "restarts that find the same ids", "restarts", alike, "all of them",
                    len(runs), 1.0),
    ]  # fmt: skip


def _restart(path: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "rnnmm.bench.restart", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _order(lengths: Int64, batching: Batching, epoch: int = 0) -> Order:
    return epoch_order(lengths, batching, "bench", 0, epoch)


def _unbucketed(order: Order) -> Order:
    """Batches of the same sizes from a plain shuffle."""
    generator = np.random.Generator(np.random.Philox(int(order.items[0])))
    return Order(generator.permutation(order.items), order.bounds, order.turns, order.shares)


def _is_dealt(order: Order, step: int, world: int) -> bool:
    shares = [order.share(step, rank, world).tolist() for rank in range(world)]
    return all(shares) and merge_shares(shares) == order[step].tolist()


def _num_pairs(counts: Int64) -> int:
    return int((counts * (counts - 1)).sum())
