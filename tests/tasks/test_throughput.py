import time
from types import SimpleNamespace

import pytest
import torch

from rnnmm.batch import InputBatch, Padded
from rnnmm.tasks.throughput import Meter, input_unit, peak_memory_bytes, summarise

CPU = torch.device("cpu")


def batch_of(*lengths: int) -> InputBatch:
    data = torch.zeros(len(lengths), max(lengths), dtype=torch.int16)
    return InputBatch(torch.arange(len(lengths)), Padded(data, torch.tensor(lengths)))


def test_rates_are_of_what_was_seen_up_to_the_last_batch() -> None:
    meter = Meter(CPU)
    time.sleep(0.01)
    meter.count(batch_of(8000, 16000), is_last=False)
    meter.count(batch_of(16000), is_last=True)
    time.sleep(0.05)  # validation
    figures = meter.figures(16000, "audio_s", waited_s=0.005)
    assert figures.keys() == {"items_per_s", "audio_s_per_s", "data_wait", "peak_memory_mb"}
    assert figures["items_per_s"] / figures["audio_s_per_s"] == pytest.approx(3 / 2.5)
    trained_s = 3 / figures["items_per_s"]
    assert 0.01 <= trained_s < 0.05
    assert figures["data_wait"] == pytest.approx(0.005 / trained_s)


def test_memory_is_counted_in_bytes() -> None:
    before = peak_memory_bytes(CPU)
    held = bytearray(b"x") * (before + (1 << 26))
    assert peak_memory_bytes(CPU) > len(held)
    assert 20e6 < before < 1e11


def test_audio_is_counted_in_seconds_everything_else_in_frames() -> None:
    store = SimpleNamespace(info={"decoding": {"sample_rate": 8000}})
    assert input_unit(store, "audio") == (8000, "audio_s")
    assert input_unit(store, "frames") == input_unit(store, "features") == (1, "frames")


def test_a_run_is_the_median_of_its_epochs_and_the_highest_peak() -> None:
    rows = [
        {"epoch": n, "train_loss": 1.0, "items_per_s": rate, "frames_per_s": 10 * rate,
         "data_wait": 0.1, "padding_efficiency": 0.9, "peak_memory_mb": 100.0 - n}
        for n, rate in enumerate((1.0, 5.0, 6.0))
    ]  # fmt: skip
    assert summarise(rows) == {
        "items_per_s": 5.0, "frames_per_s": 50.0, "data_wait": 0.1, "padding_efficiency": 0.9,
        "peak_memory_mb": 100.0,
    }  # fmt: skip
    assert summarise([{"items_per_s": 1.0}, *rows[1:]])["frames_per_s"] == 55.0
    assert summarise([]) == {}
