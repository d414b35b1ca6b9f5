"""Evaluation: every row of a split answered once, in order, and scored."""

import torch

from rnnmm.loading.order import Batching
from rnnmm.store.reader import Store
from rnnmm.tasks.data import Rows, input_loader
from rnnmm.tasks.task import Prediction, Task


def choose_device(accelerator: str) -> torch.device:
    """The CPU if asked for, else a GPU where there is one: answering can do without."""
    is_cuda = accelerator != "cpu" and torch.cuda.is_available()
    return torch.device("cuda" if is_cuda else "cpu")


def predict_rows(task: Task, store: Store, rows: Rows, batching: Batching) -> list[Prediction]:
    """Answers every row.

    Batches are made by length, so that little is padded; how they are made cannot change an
    answer.

    Args:
        task: trained, on its device.
        store: where the rows lie.
        rows: which of them.
        batching: the budget of a batch.

    Returns:
        One prediction per row, in the order of ``rows``.
    """
    if not len(rows.index):
        return []
    task.eval()
    answers: dict[int, Prediction] = {}
    with torch.inference_mode():
        for batch in input_loader(store, rows, task.inputs, batching, task.device):
            inputs = task.pose(batch.inputs, [rows.references[row] for row in batch.rows.tolist()])
            for prediction in task.predict(batch.rows, inputs):
                answers[prediction.row] = prediction
    return [answers[row] for row in rows.index.tolist()]
