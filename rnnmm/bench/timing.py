"""Times taken in turn, so that a noisy machine is equally unkind to everyone."""

import logging
import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch


def interleaved(
    contestants: Sequence[Callable[[], object]], repeats: int = 5, warm_up: int = 1
) -> list[float]:
    """Runs A B C A B C ... and returns each one's median.

    Args:
        contestants: what to time; each call does the whole work, its results are dropped.
        repeats: timed rounds, >= 1.
        warm_up: rounds before them that are not timed.

    Returns:
        Median seconds of one call, in the contestants' order. Work queued on a CUDA device is
        waited for.
    """
    times: list[list[float]] = [[] for _ in contestants]
    for turn in range(warm_up + repeats):
        for contestant, taken in zip(contestants, times):
            seconds = _timed(contestant)
            if turn >= warm_up:
                taken.append(seconds)
    return [statistics.median(taken) for taken in times]


@contextmanager
def silenced(library: str) -> Iterator[None]:
    """Without what a library logs about itself, and without any warning.

    Args:
        library: the name of its logger.
    """
    logger = logging.getLogger(library)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


@contextmanager
def threads(count: int) -> Iterator[None]:
    """torch computes with this many threads inside the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start
