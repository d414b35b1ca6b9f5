import logging
from types import SimpleNamespace

import pytest
import torch

from rnnmm.loading.order import Batching
from rnnmm.tasks.classification import Class
from rnnmm.tasks.data import StoreData, input_loader, select_rows, trainable_rows, warn_of_faults

ROWS = [
    {"label": "run"},
    {"label": "jump", "steps": 0},
    {"label": None},
    {"label": "run", "steps": 9},
    {"label": "hop", "split": "test"},
]


class Picky(SimpleNamespace):
    """A task that cannot learn from what is longer than 8 steps."""

    inputs = "features"
    device = torch.device("cpu")

    def fault(self, references, num_steps):
        return f"{references[0]} of {num_steps} steps" if num_steps > 8 else None

    def make_batch(self, index, inputs, references, epoch):
        return index, inputs, references, epoch


def test_only_rows_with_payload_and_reference_are_kept(memory_store, caplog) -> None:
    rows = select_rows(memory_store(ROWS), "train", "features", Class("label"), 0.5)
    assert rows.index.tolist() == [0, 3]
    assert rows.lengths.tolist() == [6, 9]
    assert rows.references == [("run",), ("jump",), (), ("run",), ("hop",)]
    assert len(rows) == 2
    assert "2 of 4 items of split train cannot be used" in caplog.text
    assert "item1 (item1.mfc): no features" in caplog.text
    assert "item2 (item2.mfc): no class to compare with" in caplog.text


def test_a_split_without_fault_is_silent(memory_store, caplog) -> None:
    rows = select_rows(memory_store(ROWS), "test", "features", Class("label"), 0)
    assert rows.index.tolist() == [4]
    assert caplog.text == ""


def test_all_means_every_split(memory_store) -> None:
    rows = select_rows(memory_store(ROWS), "all", "features", Class("label"), 0.5)
    assert rows.index.tolist() == [0, 3, 4]


def test_too_many_unusable_rows_are_an_error(memory_store) -> None:
    match = r"2 of 4 items .* item1 \(item1.mfc\): no features.*; mend them .* above 0.49"
    with pytest.raises(ValueError, match=match):
        select_rows(memory_store(ROWS), "train", "features", Class("label"), 0.49)


def test_an_empty_split_is_an_error(memory_store) -> None:
    with pytest.raises(ValueError, match="memory: expected items in split val, got none"):
        select_rows(memory_store(ROWS), "val", "features", Class("label"), 1)


def test_a_split_of_which_nothing_is_left_is_an_error(memory_store) -> None:
    match = r"3 of 3 items of split train cannot be used: item0 .*: no class .*; none is left"
    with pytest.raises(ValueError, match=match):
        select_rows(memory_store([{}] * 3), "train", "features", Class("label"), 1)


def test_rows_that_cannot_be_trained_on_are_left_out_and_named(memory_store, caplog) -> None:
    store = memory_store(ROWS)
    rows = select_rows(store, "train", "features", Class("label"), 0.5)
    caplog.clear()
    kept = trainable_rows(store, "train", rows, Picky(), 0.5)
    assert (kept.index.tolist(), kept.lengths.tolist()) == ([0], [6])
    assert "1 of 2 items of split train cannot be used: item3 (item3.mfc): run of 9" in caplog.text
    with pytest.raises(ValueError, match=r"item3 \(item3.mfc\): run of 9 steps; mend them"):
        trainable_rows(store, "train", rows, Picky(), 0.01)


def test_rows_out_of_reach_are_named_but_kept(memory_store, caplog) -> None:
    store = memory_store(ROWS)
    rows = select_rows(store, "all", "features", Class("label"), 0.5)
    caplog.clear()
    warn_of_faults(store, "all", rows, Picky())
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "all: scored, but out of reach: item3 (item3.mfc): run of 9 steps" in record.message


def test_every_epoch_holds_every_row_once_and_is_a_function_of_its_number(memory_store) -> None:
    store = memory_store([{"label": "run", "steps": 3 + n} for n in range(10)])
    rows = select_rows(store, "train", "features", Class("label"), 0)
    data = StoreData(store, Picky(), rows, rows, Batching(3), seed=0)
    orders = []
    for epoch in (0, 0, 1):
        data.trainer = SimpleNamespace(current_epoch=epoch, global_rank=0, world_size=1)
        batches = list(data.train_dataloader())
        assert [batch[3] for batch in batches] == [epoch] * 4
        for index, inputs, references, _ in batches:
            assert inputs.lengths.tolist() == [3 + row for row in index.tolist()]
            assert references == [("run",)] * len(index)
        orders.append([row for batch in batches for row in batch[0].tolist()])
        assert sorted(orders[-1]) == list(range(10))
    assert orders[0] == orders[1] != orders[2]
    assert 0.5 < data.padding_efficiency <= 1


def test_inputs_come_by_length(memory_store) -> None:
    store = memory_store([{"label": "run", "steps": steps} for steps in (5, 2, 9, 2)])
    rows = select_rows(store, "train", "features", Class("label"), 0)
    batches = list(input_loader(store, rows, "features", Batching(2), torch.device("cpu")))
    assert [batch.rows.tolist() for batch in batches] == [[1, 3], [0, 2]]
    torch.testing.assert_close(
        batches[0].inputs.rows()[1], torch.from_numpy(store.features(3)), rtol=0, atol=0
    )


def test_a_cached_batch_is_fed_at_every_step_and_not_without_a_warning(
    memory_store, caplog
) -> None:
    store = memory_store([{"label": "run", "steps": 3 + n} for n in range(9)])
    rows = select_rows(store, "train", "features", Class("label"), 0)
    data = StoreData(store, Picky(), rows, rows, Batching(1, cached=True), seed=0)
    batches = list(data.train_dataloader())
    assert len(batches) == 9
    assert {id(batch) for batch in batches} == {id(batches[0])}
    assert batches[0][1].lengths.tolist() == [7]  # the median
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "loader.cached=true: every step of epoch 0 gets one and the same" in record.message
