"""How fast training goes, and how much of its time is spent waiting for data."""

import resource
import statistics
import time
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from rnnmm.batch import Batch
from rnnmm.store.reader import Store


class Meter:
    """Counts what one epoch of training takes in; validation has no part in it.

    Args:
        device: it is trained on.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._start_s = time.perf_counter()
        self._trained_s = 0.0
        self._items = 0
        self._steps = 0
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)

    def count(self, batch: Batch, is_last: bool) -> None:
        """A step is done with this batch; at the last one, so is all work queued on the device."""
        if is_last and self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        self._items += len(batch.inputs.lengths)
        self._steps += int(batch.inputs.lengths.sum())  # on the CPU, always: nothing is waited for
        self._trained_s = time.perf_counter() - self._start_s

    def figures(self, steps_per_unit: float, unit: str, waited_s: float) -> dict[str, float]:
        """Rates of the epoch up to its last batch, and memory.

        Args:
            steps_per_unit: raw steps (samples, frames) of one ``unit``.
            unit: such as "audio_s" or "frames", see `input_unit`.
            waited_s: seconds spent waiting for data.

        Returns:
            ``items_per_s``, ``<unit>_per_s``, ``data_wait`` (a fraction) and ``peak_memory_mb``:
            on a GPU of the epoch's tensors, on a CPU of the whole process since it began.
        """
        return {
            "items_per_s": self._items / self._trained_s,
            f"{unit}_per_s": self._steps / steps_per_unit / self._trained_s,
            "data_wait": waited_s / self._trained_s,
            "peak_memory_mb": peak_memory_bytes(self.device) / 1e6,
        }


def input_unit(store: Store, inputs: str) -> tuple[float, str]:
    """Raw steps of one unit in which inputs are counted, and its name: audio in seconds."""
    if inputs in ("audio", "audio+frames"):
        return float(store.info["decoding"]["sample_rate"]), "audio_s"
    return 1.0, "characters" if inputs == "text" else "frames"


def peak_memory_bytes(device: torch.device) -> int:
    """Most memory held at a time: by tensors on a GPU, by the process on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts in KiB


def summarise(rows: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """The throughput of a run: medians over its epochs, and the highest peak of memory.

    Args:
        rows: one an epoch, with the keys of `Meter.figures` and ``padding_efficiency``.
    """
    names = [name for name in rows[-1] if _is_rate(name)] if rows else []
    figures = {name: statistics.median(row[name] for row in rows if name in row) for name in names}
    peaks = [row["peak_memory_mb"] for row in rows if "peak_memory_mb" in row]
    return {**figures, **({"peak_memory_mb": max(peaks)} if peaks else {})}


def _is_rate(name: str) -> bool:
    return name.endswith("_per_s") or name in ("data_wait", "padding_efficiency")
