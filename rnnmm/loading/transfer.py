"""Batches to the device they are computed on, while the batch before them is computed."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import torch
from torch import Tensor

from rnnmm.batch import Padded

B = TypeVar("B")
Arrival = Callable[[], B]
"""A batch under way; called where it is used, it gives the batch."""


class Transfer:
    """Copies batches to a device; to a CUDA device on a stream of its own.

    Args:
        device: where to. A batch for the CPU stays as it is.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._stream: torch.cuda.Stream | None = None
        if device.type == "cuda":
            self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def send(self, batch: B) -> Arrival[B]:
        """Starts the copy and returns at once if the batch lies in page-locked memory.

        The batch may be dropped then: torch keeps the memory until the copy has ended.

        Args:
            batch: a NamedTuple of tensors and `Padded`; for the CPU, anything.

        Returns:
            To be called on the thread that uses the batch: work that it queues on its current
            stream waits for the copy, on the device and not here.
        """
        if self._stream is None:
            return lambda: batch
        with torch.cuda.stream(self._stream):
            moved = move(batch, self.device)
            arrived = self._stream.record_event()
        return lambda: self._receive(moved, arrived)

    def _receive(self, batch: B, arrived: torch.cuda.Event) -> B:
        stream = torch.cuda.current_stream(self.device)
        stream.wait_event(arrived)
        for tensor in _tensors(batch):
            if tensor.is_cuda:  # its memory belongs to our stream: not before theirs is through
                tensor.record_stream(stream)
        return batch


def move(batch: B, device: torch.device) -> B:
    """A batch, a NamedTuple of tensors and `Padded`, on another device; lengths stay behind."""
    parts: Any = batch
    moved: B = parts._make(part.to(device, non_blocking=True) for part in parts)
    return moved


def _tensors(batch: Any) -> Iterator[Tensor]:
    for part in batch:
        yield from part.tensors if isinstance(part, Padded) else (part,)
