import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnnmm.loading.ring import Ring

INT16, UINT8, FLOAT32 = (np.dtype(name) for name in ("int16", "uint8", "float32"))


@pytest.mark.parametrize("dtype", [INT16, UINT8, FLOAT32])
def test_tensors_are_as_asked_for(dtype: np.dtype) -> None:
    for shape in ((3, 5), (2, 4, 3, 3, 3), (1, 1), (0, 7)):
        tensor = Ring(2).empty(shape, dtype)
        assert tuple(tensor.shape) == shape
        assert tensor.is_contiguous()
        assert tensor.numpy().dtype == dtype


def test_memory_comes_back_when_nobody_holds_it() -> None:
    ring = Ring(1)
    tensor = ring.empty((4, 100), INT16)
    address = tensor.data_ptr()
    del tensor
    assert ring.empty((3, 90), INT16).data_ptr() == address
    assert ring.empty((400,), UINT8).data_ptr() == address  # whatever it is used for


@pytest.mark.parametrize(
    "hold",
    [
        lambda tensor: tensor[1:],
        lambda tensor: tensor.numpy(),
        lambda tensor: tensor.untyped_storage(),
        lambda tensor: tensor.view(torch.uint8),
        lambda tensor: (torch.ones(1, requires_grad=True) * tensor).grad_fn,
    ],
)
def test_memory_is_not_given_out_while_a_view_is_alive(hold) -> None:
    ring = Ring(1)
    tensor = ring.empty((4, 100), FLOAT32)
    address, held = tensor.data_ptr(), hold(tensor)
    del tensor
    assert ring.empty((4, 100), FLOAT32).data_ptr() != address
    del held
    assert ring.empty((4, 100), FLOAT32).data_ptr() == address


def test_a_larger_batch_gets_a_larger_buffer_and_no_more_are_kept_than_asked_for() -> None:
    ring = Ring(2)
    for size in (10, 1000, 100_000, 50):
        assert len(ring.empty((size,), INT16)) == size
    assert len(ring._buffers) == 2
    assert max(len(buffer.memory) for buffer in ring._buffers) >= 200_000


def test_when_all_are_in_use_memory_is_fresh() -> None:
    ring = Ring(2)
    tensors = [ring.empty((50,), INT16) for _ in range(5)]
    assert len({tensor.data_ptr() for tensor in tensors}) == 5
    assert len(ring._buffers) == 2


@given(
    size=st.integers(0, 4),
    steps=st.lists(
        st.tuples(st.integers(1, 9), st.integers(0, 300), st.sampled_from([INT16, FLOAT32]),
                  st.integers(0, 5)),
        max_size=40,
    ),
)  # fmt: skip
def test_what_is_held_is_never_overwritten(size: int, steps) -> None:
    ring, held = Ring(size), []
    for number, (rows, columns, dtype, drops) in enumerate(steps):
        tensor = ring.empty((rows, columns), dtype)
        tensor.fill_(number)
        held.append((number, tensor[:, columns // 2 :]))
        del tensor
        assert all((view == value).all() for value, view in held)
        del held[:drops]


def test_threads_never_share_memory() -> None:
    ring, barrier = Ring(4), threading.Barrier(4)

    def use(value: int) -> bool:
        barrier.wait()
        for _ in range(300):
            tensor = ring.empty((64,), INT16)
            tensor.fill_(value)
            if not bool((tensor == value).all()):
                return False
        return True

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(use, range(4)))


@pytest.mark.gpu
def test_pinned_memory_is_torchs() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    tensor = Ring(2, is_pinned=True).empty((3, 50), INT16)
    assert tensor.is_pinned()
    assert (tensor.shape, tensor.dtype) == ((3, 50), torch.int16)
