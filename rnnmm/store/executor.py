"""Makes shards in worker processes that may crash, hang or be killed.

The parent never touches media. It knows which item each worker is on: when a worker dies or takes
too long, that item gets a strike and the shard goes to a fresh worker; at its second strike the
item is given up, with the reason in the shard. Nothing finished is ever lost.
"""

import json
import os
import selectors
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Protocol

from rnnmm.store.plan import ShardPlan
from rnnmm.store.shard import ShardFile
from rnnmm.store.worker import Setup, Task, to_line

_MAX_STRIKES = 2
_BETWEEN_ITEMS = -1
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Progress(Protocol):
    """Called with the number of items done, of all items, and of those found bad so far."""

    def __call__(self, done: int, total: int, bad: int) -> None: ...


def make_shards(
    plans: Sequence[ShardPlan],
    setup: Setup,
    *,
    workers: int,
    timeout_s: float,
    progress: Progress | None = None,
) -> list[ShardFile]:
    """Makes the planned shards; those that stand there already, sound, are kept.

    Args:
        plans: with distinct keys.
        setup: what the workers need to know; the shard folder must exist.
        workers: number of processes.
        timeout_s: longest time that one item may take.
        progress: told whenever something changes.

    Returns:
        A file per plan, in the order of the plans.

    Raises:
        OSError: A shard cannot be written (disk full, no permission).
        RuntimeError: Workers die without an item to blame.
        KeyboardInterrupt: With a message that says how far it got.
    """
    crew = _Crew(plans, setup, timeout_s, progress)
    try:
        return crew.work(workers)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"stopped with {len(crew.finished)} of {len(plans)} shards done in "
            f"{setup.shard_dir}; the same command continues from there"
        ) from None
    finally:
        crew.dismiss()


class _Worker:
    """A process, the shard it is at, and what it said last."""

    def __init__(self, setup: Setup) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "rnnmm.store.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # decoders chat; what matters comes as messages
            env=_environment(),
        )
        assert self.process.stdin is not None and self.process.stdout is not None
        self.stdin, self.stdout = self.process.stdin, self.process.stdout
        self.plan: ShardPlan | None = None
        self.position = _BETWEEN_ITEMS
        self.since_s = time.monotonic()
        self._received = b""
        self._send(setup)

    def hand(self, plan: ShardPlan, condemned: dict[int, str]) -> None:
        """Gives it a shard to make."""
        self.plan, self.position = plan, _BETWEEN_ITEMS
        pairs = zip(plan.items, plan.files, strict=True)
        items = [(item.id, file, item.start_s, item.end_s) for item, file in pairs]
        self._send(Task(plan.key, items, sorted(condemned.items())))

    def receive(self) -> list[list[Any]] | None:
        """The messages that have come in; None: it is dead."""
        chunk = os.read(self.stdout.fileno(), 1 << 16)
        if not chunk:
            return None
        *lines, self._received = (self._received + chunk).split(b"\n")
        return [json.loads(line) for line in lines]

    def at(self, position: int) -> None:
        """Notes the item it is on."""
        self.position, self.since_s = position, time.monotonic()

    def end(self, grace_s: float = 0.0) -> int:
        """Gives it time to end by itself, else kills it; returns its exit status."""
        for pipe in (self.stdin, self.stdout):
            with suppress(BrokenPipeError):
                pipe.close()
        with suppress(subprocess.TimeoutExpired):
            return self.process.wait(grace_s)
        self.process.kill()
        return self.process.wait()

    def _send(self, message: Setup | Task) -> None:
        with suppress(BrokenPipeError):  # it is dead, and its closed output will tell
            self.stdin.write(to_line(message))
            self.stdin.flush()


class _Crew:
    """The workers of one call, what they have to do and what they have done."""

    def __init__(
        self,
        plans: Sequence[ShardPlan],
        setup: Setup,
        timeout_s: float,
        progress: Progress | None,
    ) -> None:
        self.finished: dict[str, ShardFile] = {}
        self._plans = plans
        self._setup = setup
        self._timeout_s = timeout_s
        self._progress = progress
        self._num_items = sum(len(plan.items) for plan in plans)
        self._num_done = self._num_bad = 0
        self._queue = deque(plans)
        self._condemned: dict[str, dict[int, str]] = {plan.key: {} for plan in plans}
        self._strikes: Counter[tuple[str | None, int]] = Counter()
        self._selector = selectors.DefaultSelector()
        self._workers: list[_Worker] = []

    def work(self, workers: int) -> list[ShardFile]:
        """Runs until every shard is there."""
        while len(self.finished) < len(self._plans):
            while len(self._workers) < min(workers, len(self._plans) - len(self.finished)):
                self._hire()
            for key, _ in self._selector.select(self._patience_s()):
                self._listen(key.data)
            for worker in [worker for worker in self._workers if self._is_late(worker)]:
                self._bury(worker, f"decoder took longer than {self._timeout_s:g} s")
            self._report()
        return [self.finished[plan.key] for plan in self._plans]

    def dismiss(self) -> None:
        """Ends all workers; none is left behind, not even as a zombie."""
        for worker in list(self._workers):
            self._dismiss(worker)
        self._selector.close()

    def _hire(self) -> None:
        worker = _Worker(self._setup)
        self._workers.append(worker)
        self._selector.register(worker.stdout, selectors.EVENT_READ, worker)

    def _dismiss(self, worker: _Worker, grace_s: float = 0.0) -> int:
        self._selector.unregister(worker.stdout)
        self._workers.remove(worker)
        return worker.end(grace_s)

    def _listen(self, worker: _Worker) -> None:
        messages = worker.receive()
        if messages is None:
            self._bury(worker, None)
            return
        for kind, *details in messages:
            if kind == "item":
                worker.at(details[0])
            elif kind == "rest":
                worker.at(_BETWEEN_ITEMS)
            elif kind == "failed":
                self._give_up(*details)
            else:
                self._next(worker, details)

    def _next(self, worker: _Worker, finished: list[Any]) -> None:
        if worker.plan is not None:
            digest, size, num_bad = finished
            self.finished[worker.plan.key] = ShardFile(worker.plan.key, size, digest)
            self._num_done += len(worker.plan.items)
            self._num_bad += num_bad
            worker.plan = None
        if self._queue:
            plan = self._queue.popleft()
            worker.hand(plan, self._condemned[plan.key])
        else:
            self._dismiss(worker)

    def _bury(self, worker: _Worker, verdict: str | None) -> None:
        """Blames the item that a worker died on, and puts its shard first in the queue."""
        # Who closed its output is about to end: its own exit status tells more than our signal.
        status = self._dismiss(worker, 0.0 if verdict else 5.0)
        key = None if worker.plan is None else worker.plan.key
        blamed = (key, worker.position)
        self._strikes[blamed] += 1
        if self._strikes[blamed] >= _MAX_STRIKES:
            if key is None or worker.position == _BETWEEN_ITEMS:
                raise RuntimeError(
                    f"a worker {_cause(status)} with no item at hand, {_MAX_STRIKES} times; "
                    f"is there enough memory? preprocess.workers=1 needs the least"
                )
            self._condemned[key][worker.position] = verdict or f"decoder {_cause(status)}"
        if worker.plan is not None:
            self._queue.appendleft(worker.plan)

    def _give_up(self, errno: int | None, message: str) -> None:
        if errno is None:
            raise RuntimeError(f"a worker failed: {message}")
        missing = sum(
            plan.estimated_bytes for plan in self._plans if plan.key not in self.finished
        )
        raise OSError(
            errno,
            f"{os.strerror(errno)}; about {missing / 1e6:.0f} MB are still to be written; once "
            f"there is room and permission, the same command continues from here",
            self._setup.shard_dir,
        )

    def _patience_s(self) -> float | None:
        waits = [
            worker.since_s + self._timeout_s - time.monotonic()
            for worker in self._workers
            if worker.position != _BETWEEN_ITEMS
        ]
        return max(0.0, min(waits)) if waits else None

    def _is_late(self, worker: _Worker) -> bool:
        is_busy = worker.position != _BETWEEN_ITEMS
        return is_busy and time.monotonic() - worker.since_s > self._timeout_s

    def _report(self) -> None:
        if self._progress is not None:
            at_work = sum(max(0, worker.position) for worker in self._workers)
            self._progress(self._num_done + at_work, self._num_items, self._num_bad)


def _environment() -> dict[str, str]:
    """Ours, with the same modules in reach and one thread for each library."""
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    return {**os.environ, **dict.fromkeys(_ONE_THREAD, "1"), "PYTHONPATH": path}


def _cause(status: int) -> str:
    return f"crashed (signal {-status})" if status < 0 else f"ended (exit status {status})"
