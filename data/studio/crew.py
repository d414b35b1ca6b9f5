"""Many clips at once: worker processes that leave nothing half made and nothing running."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing.connection import wait
from pathlib import Path

import cv2

from rnnmm.data.studio.clip import make_clip
from rnnmm.data.studio.plan import Clip

_CHUNK = 8  # clips a worker takes at a time


def make_clips(clips: Sequence[Clip], seed: int, folder: Path, workers: int) -> None:
    """Makes the clips' files in a folder, which is made if needed.

    Interrupted, it ends with the clips that are just being made; those made so far stay.

    Args:
        clips: what to make.
        seed: of what the plan leaves open.
        folder: where; a clip's file of the same name is replaced.
        workers: processes; 1: this process alone.
    """
    folder.mkdir(parents=True, exist_ok=True)
    make = partial(make_clip, seed=seed, folder=folder)
    if workers == 1:
        for clip in clips:
            make(clip)
        return
    # Spawned, because neither OpenCV nor FFmpeg survives a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_join) as pool:
        try:
            for _ in pool.map(make, clips, chunksize=_CHUNK):
                pass
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _join() -> None:
    """Starts a worker: one thread, Ctrl-C left to the parent, an end when the parent is killed."""
    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)
