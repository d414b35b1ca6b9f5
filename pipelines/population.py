"""What a new speaker book rests on, embedded from the run's own data."""

import logging
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnmm.config import build
from rnnmm.loading.gather import payload_lengths
from rnnmm.pipelines.preprocess import preprocess
from rnnmm.run import read_config
from rnnmm.speakers.book import Book
from rnnmm.speakers.population import Cohort, Population, spread_rows
from rnnmm.speakers.scoring import Matrix
from rnnmm.store.reader import Store
from rnnmm.tasks.data import Rows
from rnnmm.tasks.embedding import embed_rows
from rnnmm.tasks.task import Task

log = logging.getLogger(__name__)

_MOST_CLIPS = 2000  # of the cohort, and of the population


def learn_book(config: Mapping[str, Any], task: Task, model: str) -> Book:
    """A book of nobody yet.

    The cohort are the speakers of the training split, the population those of the split that the
    config names. Clips beyond 2000 are left out, evenly over the speakers.

    Args:
        config: composed and checked; its dataset may be another than the run's.
        task: trained, on its device.
        model: fingerprint of its weights.

    Raises:
        ValueError: The split has not the speakers that a population needs.
    """
    split, trained = config["split"], read_config(Path(config["run"]["dir"]))
    with TemporaryDirectory() as folder:
        # The run's stores may lie where nothing can be written, and other data are needed once.
        is_own = config["dataset"] == trained["dataset"]
        is_stored = is_own and not trained.get("extra")
        people = {**config, "extra": None, "store": {"root": folder}}  # strangers are no machines
        store, _ = preprocess(config if is_stored else people)
        parts = [
            embed_clips(config, store, speaking_rows(store, part, task.inputs), task)
            for part in (split, "train")
        ]
    population, (clips, speakers) = Population(*parts[0]), parts[1]
    is_drawn_from_it = split in ("train", "all")
    heard = set() if is_drawn_from_it else set(population.speakers) & set(speakers)
    if heard or (is_own and is_drawn_from_it):
        log.warning(
            "%s: the calibration rests on speakers who were trained on; strangers may be accepted "
            "more often than stated; name another split= or dataset.root=", split,
        )  # fmt: skip
    # The cohort are strangers: somebody of the population in it would be tried against himself.
    is_other = [not is_drawn_from_it and name not in heard for name in speakers]
    others = clips.reshape(-1, population.embeddings.shape[1])[np.array(is_other, bool)]
    cohort = Cohort(others, tuple(name for name, kept in zip(speakers, is_other) if kept))
    return Book(model, cohort, population, {}, {})


def speaking_rows(store: Store, split: str, inputs: str) -> NDArray[np.int64]:
    """The rows of a split that have sound and a speaker, at most 2000, evenly over these.

    Args:
        store: where they lie.
        split: its name, or "all".
        inputs: what the task reads.
    """
    every = np.arange(len(store)) if split == "all" else store.rows(split)
    lengths, column = payload_lengths(store, inputs), store.column("speaker")
    names = [column[row] if lengths[row] else None for row in every]
    return np.asarray(every[spread_rows(names, _MOST_CLIPS)], np.int64)


def embed_clips(
    config: Mapping[str, Any], store: Store, index: NDArray[np.int64], task: Task
) -> tuple[Matrix, tuple[str, ...]]:
    """Embeddings and who speaks.

    Args:
        config: its loader is used.
        store: where the clips lie.
        index: ``(I,)`` rows.
        task: trained, on its device.

    Returns:
        ``(I, D)`` and ``(I,)``; ``(0, 0)`` where there are none.
    """
    if not len(index):
        return np.zeros((0, 0)), ()
    column = store.column("speaker")
    rows = Rows(index, payload_lengths(store, task.inputs)[index], [()] * len(store))
    return embed_rows(task, store, rows, build(config["loader"])), tuple(column[i] for i in index)
