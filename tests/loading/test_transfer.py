import numpy as np
import pytest
import torch

from rnnmm.batch import AudioVisual, InputBatch, LabelBatch, Padded
from rnnmm.loading.loader import Loader
from rnnmm.loading.ring import Ring
from rnnmm.loading.transfer import Transfer, move


def batch_of(value: int, ring: Ring) -> LabelBatch:
    data = ring.empty((8, 200_000), np.dtype(np.int16)).fill_(value)
    lengths = torch.full((8,), 200_000)
    return LabelBatch(torch.arange(8), Padded(data, lengths), torch.full((8,), value))


def test_on_a_cpu_batches_stay_what_they_are() -> None:
    batch = object()
    assert Transfer(torch.device("cpu")).send(batch)() is batch


def test_moving_keeps_the_type_and_leaves_the_lengths() -> None:
    batch = batch_of(3, Ring(0))
    moved = move(batch, torch.device("meta"))
    assert type(moved) is LabelBatch
    assert {moved.rows.device.type, moved.inputs.data.device.type} == {"meta"}
    assert moved.inputs.lengths.device.type == "cpu"


def test_sound_and_pictures_move_together() -> None:
    pictures = Padded(torch.zeros(2, 1, 4, 4, 3), torch.tensor([1, 0]))
    pair = AudioVisual(torch.zeros(2, 5), torch.tensor([5, 2]), pictures)
    moved = move(InputBatch(torch.arange(2), pair), torch.device("meta"))
    assert type(moved.inputs) is AudioVisual
    assert {tensor.device.type for tensor in moved.inputs.tensors} == {"meta"}


@pytest.mark.gpu
def test_on_a_gpu_no_batch_is_overwritten_on_its_way() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    device, ring = torch.device("cuda"), Ring(4, is_pinned=True)
    loader = Loader(lambda rows: batch_of(rows[0], ring), [[n] for n in range(50)], 3, device)
    busy = torch.rand(2000, 2000, device=device)
    sums = []
    for batch in loader:
        assert batch.inputs.data.is_cuda
        for _ in range(5):
            busy = busy @ busy  # the copies run far ahead of the work
        sums.append(batch.inputs.data.double().mean() + 0 * busy.nan_to_num(0, 0, 0).mean())
    assert torch.stack(sums).tolist() == list(range(50))
