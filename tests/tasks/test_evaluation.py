from types import SimpleNamespace

import pytest
import torch

from rnnmm.loading.order import Batching
from rnnmm.tasks.classification import Class
from rnnmm.tasks.data import select_rows
from rnnmm.tasks.evaluation import choose_device, predict_rows
from rnnmm.tasks.task import Prediction


class Meter(torch.nn.Module):
    """Answers how long a row is; refuses to work in training mode or with gradients."""

    inputs = "features"
    device = torch.device("cpu")
    posed = None

    def pose(self, inputs, references):
        self.posed = references
        return inputs

    def predict(self, index, inputs):
        assert not self.training
        assert torch.is_inference_mode_enabled()
        assert self.posed == [(f"run {length}",) for length in inputs.lengths.tolist()]
        return [
            Prediction(row, str(length), 0.0)
            for row, length in zip(index.tolist(), inputs.lengths.tolist())
        ]


def test_one_answer_per_row_in_the_order_of_the_rows(memory_store) -> None:
    steps = (5, 2, 9, 2, 7)
    store = memory_store([{"label": f"run {n}", "steps": n} for n in steps])
    rows = select_rows(store, "train", "features", Class("label"), 0)
    meter = Meter().train()
    for batch_size in (1, 2, 5):
        predictions = predict_rows(meter, store, rows, Batching(batch_size))
        assert [p.row for p in predictions] == [0, 1, 2, 3, 4]
        assert [p.hypothesis for p in predictions] == [str(n) for n in steps]


def test_no_rows_give_no_answers(memory_store) -> None:
    rows = SimpleNamespace(index=torch.zeros(0).numpy(), lengths=torch.zeros(0).numpy())
    assert predict_rows(Meter(), memory_store([]), rows, Batching()) == []


@pytest.mark.parametrize(
    ("accelerator", "has_gpu", "expected"),
    [
        ("auto", True, "cuda"),
        ("auto", False, "cpu"),
        ("cpu", True, "cpu"),
        ("cuda", True, "cuda"),
        ("cuda", False, "cpu"),
    ],
)
def test_the_device_is_the_trainers(
    accelerator: str, has_gpu: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_gpu)
    assert choose_device(accelerator).type == expected
