"""Batches made ahead of time by one thread: gathering is memcpy, which leaves the GIL alone."""

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

B = TypeVar("B")


class Loader(Generic[B]):
    """An iterable over batches; each pass makes them anew, in the given order.

    Args:
        make: rows of one batch to the batch.
        batches: the rows of each batch.
        depth: batches made ahead; 0 makes each when it is asked for, in the caller's thread.
    """

    def __init__(
        self, make: Callable[[Sequence[int]], B], batches: Sequence[Sequence[int]], depth: int = 2
    ) -> None:
        self._make = make
        self._batches = batches
        self._depth = depth
        self.waited_s = 0.0
        self._running: list[tuple[threading.Event, threading.Thread]] = []

    def close(self) -> None:
        """Ends every pass that was left half-way; a thread must not outlive the interpreter."""
        while self._running:
            stopped, thread = self._running.pop()
            stopped.set()
            thread.join()

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[B]:
        """Yields every batch once. An error while making one is raised here, in its place."""
        if self._depth == 0:
            for rows in self._batches:
                start = time.perf_counter()
                made = self._make(rows)
                self.waited_s += time.perf_counter() - start
                yield made
            return
        ready: queue.Queue[B | Exception] = queue.Queue(self._depth)
        stopped = threading.Event()
        thread = threading.Thread(target=self._fill, args=(ready, stopped), daemon=True)
        self._running.append((stopped, thread))
        thread.start()
        try:
            for _ in self._batches:
                start = time.perf_counter()
                batch = ready.get()
                self.waited_s += time.perf_counter() - start
                if isinstance(batch, Exception):
                    raise batch
                yield batch
        finally:
            self.close()

    def _fill(self, ready: "queue.Queue[B | Exception]", stopped: threading.Event) -> None:
        for rows in self._batches:
            try:
                batch: B | Exception = self._make(rows)
            except Exception as error:  # handed to the consumer, who raises it
                batch = error
            while not stopped.is_set():
                try:
                    ready.put(batch, timeout=0.1)
                    break
                except queue.Full:
                    continue
            if stopped.is_set() or isinstance(batch, Exception):
                return
