"""Memory for batches that is used again once nobody looks at it any more."""

import math
import threading
import weakref
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Ring:
    """Gives out memory for batches, and finds out by itself when it may be used again.

    Fresh memory is slow memory: the kernel zeroes each page when it is first written. So buffers
    are kept. A tensor is its owner's for as long as it or any view of it lives (those that
    autograd saved, too); only then does its memory go to another batch. When all buffers are in
    use the next one is fresh memory, so keeping every batch of an epoch is safe, if not fast.
    May be called from several threads.

    Args:
        size: most buffers kept, each as large as the largest batch it has held.
        is_pinned: in page-locked memory, for copies to a CUDA device that nobody waits for.
            torch itself keeps those in a cache and knows when a copy has ended: they are left
            to it.
    """

    def __init__(self, size: int, is_pinned: bool = False) -> None:
        self._size = size
        self._is_pinned = is_pinned
        self._buffers: list[_Buffer] = []
        self._lock = threading.Lock()

    def empty(self, shape: Sequence[int], dtype: np.dtype[np.generic]) -> Tensor:
        """A tensor of any content, on the CPU.

        Args:
            shape: of the tensor.
            dtype: as numpy calls it.
        """
        num_bytes = math.prod(shape) * dtype.itemsize
        if self._is_pinned:
            memory = torch.empty(num_bytes, dtype=torch.uint8, pin_memory=True)
            return memory.view(_torch_dtype(dtype)).view(*shape)
        with self._lock:
            array = self._claim(num_bytes, shape, dtype)
        return torch.from_numpy(array)

    def _claim(
        self, num_bytes: int, shape: Sequence[int], dtype: np.dtype[np.generic]
    ) -> NDArray[np.generic]:
        free = [buffer for buffer in self._buffers if buffer.is_free()]
        fitting = [buffer for buffer in free if len(buffer.memory) >= num_bytes]
        if fitting:
            return min(fitting, key=lambda buffer: len(buffer.memory)).lend(shape, dtype)
        if len(self._buffers) >= self._size:
            if not free:
                return np.empty(shape, dtype)
            self._buffers.remove(free[0])  # too small: its memory makes way for a larger one
        # A power of two, so that growing soon ends; pages that are not touched cost nothing.
        self._buffers.append(_Buffer(1 << max(0, num_bytes - 1).bit_length()))
        return self._buffers[-1].lend(shape, dtype)


class _Buffer:
    """Memory and whoever uses it."""

    def __init__(self, num_bytes: int) -> None:
        self.memory = np.empty(num_bytes, np.uint8)
        self._user: weakref.ref[NDArray[np.generic]] | None = None

    def is_free(self) -> bool:
        return self._user is None or self._user() is None

    def lend(self, shape: Sequence[int], dtype: np.dtype[np.generic]) -> NDArray[np.generic]:
        array: NDArray[np.generic] = np.ndarray(tuple(shape), dtype, self.memory)
        # torch.from_numpy keeps this very object as long as its storage lives, whoever holds it.
        self._user = weakref.ref(array)
        return array


def _torch_dtype(dtype: np.dtype[np.generic]) -> torch.dtype:
    return torch.from_numpy(np.empty(0, dtype)).dtype
