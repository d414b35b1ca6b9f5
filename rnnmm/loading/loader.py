"""Batches made ahead of time by a few threads: gathering is memcpy, which leaves the GIL alone.

There are no worker processes. What would need them, augmentation, runs batched on the device, so
nothing is pickled and no shared memory can be left behind by a process that died.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Generic, TypeVar

import torch

from rnnmm.loading.transfer import Arrival, Transfer

B = TypeVar("B")

# One thread saturated the memory of the 2-core machine measured (16 GB/s, with one as with two);
# the second keeps batches coming while the first one encodes targets or waits for a page.
_THREADS = 2
_CPU = torch.device("cpu")


class Loader(Generic[B]):
    """An iterable over batches; each pass makes them anew, in the given order.

    Args:
        make: rows of one batch to the batch; called from several threads at a time. A function:
            the same rows give the same batch.
        batches: the rows of each batch.
        depth: batches made ahead; 0 makes each when it is asked for, in the caller's thread.
        device: where batches come out; one of CUDA gets them while it computes others.
    """

    def __init__(
        self,
        make: Callable[[Sequence[int]], B],
        batches: Sequence[Sequence[int]],
        depth: int = 2,
        device: torch.device = _CPU,
    ) -> None:
        self._make = make
        self._batches = batches
        self._depth = depth
        self._transfer = Transfer(device)
        self.waited_s = 0.0
        self._running: list[ThreadPoolExecutor] = []

    def close(self) -> None:
        """Ends every pass that was left half-way; a thread must not outlive the interpreter."""
        while self._running:
            self._running.pop().shutdown(cancel_futures=True)

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[B]:
        """Yields every batch once. An error while making one is raised here, in its place.

        A batch that is dropped gives its memory back; none is overwritten while it is held.
        """
        if self._depth == 0:
            for rows in self._batches:
                yield self._made(rows)
            return
        threads = ThreadPoolExecutor(min(self._depth, _THREADS), "rnnmm-loader")
        self._running.append(threads)
        try:
            yield from self._ahead(threads)
        finally:
            threads.shutdown(cancel_futures=True)
            if threads in self._running:
                self._running.remove(threads)

    def _made(self, rows: Sequence[int]) -> B:
        start = time.perf_counter()
        batch = self._send(rows)()
        self.waited_s += time.perf_counter() - start
        return batch

    def _ahead(self, threads: ThreadPoolExecutor) -> Iterator[B]:
        coming = ((rows, threads.submit(self._send, rows)) for rows in self._batches)
        pending = deque(islice(coming, self._depth))
        while pending:
            batch = self._wait(*pending.popleft())
            pending.extend(islice(coming, 1))
            yield batch()
            del batch  # before the next one is waited for: its memory may be wanted for it

    def _wait(self, rows: Sequence[int], future: Future[Arrival[B]]) -> Arrival[B]:
        start = time.perf_counter()
        error = future.exception()
        if isinstance(error, Exception):
            raise error
        # Anything else ended the thread and is no fault of the batch: it is made again, here.
        batch = future.result() if error is None else self._send(rows)
        self.waited_s += time.perf_counter() - start
        return batch

    def _send(self, rows: Sequence[int]) -> Arrival[B]:
        return self._transfer.send(self._make(rows))
