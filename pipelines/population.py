"""What a new speaker book rests on, embedded from the run's own data."""

import logging
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from rnnmm.config import build
from rnnmm.loading.gather import payload_lengths
from rnnmm.pipelines.preprocess import preprocess
from rnnmm.run import read_config
from rnnmm.speakers.book import Book
from rnnmm.speakers.population import Population, spread_rows
from rnnmm.speakers.scoring import Matrix, mean_voice
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
        store, _ = preprocess(config if is_own else {**config, "store": {"root": folder}})
        population = Population(*_embedded(config, store, split, task))
        clips, speakers = _embedded(config, store, "train", task)
    cohort = {} if split in ("train", "all") else _by_speaker(clips, speakers)
    heard = cohort.keys() & set(population.speakers)
    # The cohort are strangers: somebody of the population in it would be tried against himself.
    cohort = {name: clips for name, clips in cohort.items() if name not in heard}
    if heard or (is_own and split in ("train", "all")):
        log.warning(
            "%s: the calibration rests on speakers who were trained on; strangers may be accepted "
            "more often than stated; name another split= or dataset.root=", split,
        )  # fmt: skip
    voices = [mean_voice(cohort[name]) for name in sorted(cohort)]
    dim = population.embeddings.shape[1]
    return Book(model, np.array(voices).reshape(-1, dim), population, {}, {})


def _embedded(
    config: Mapping[str, Any], store: Store, split: str, task: Task
) -> tuple[Matrix, tuple[str, ...]]:
    """``(I, D)`` and ``(I,)`` the clips of a split that have sound and a speaker."""
    every = np.arange(len(store)) if split == "all" else store.rows(split)
    lengths = payload_lengths(store, task.inputs)
    column = store.column("speaker")
    names = [column[row] if lengths[row] else None for row in every]
    index = every[spread_rows(names, _MOST_CLIPS)].astype(np.int64)
    if not len(index):
        return np.zeros((0, 0)), ()
    rows = Rows(index, lengths[index], [()] * len(store))
    return embed_rows(task, store, rows, build(config["loader"])), tuple(column[i] for i in index)


def _by_speaker(clips: Matrix, speakers: tuple[str, ...]) -> dict[str, Matrix]:
    who = np.array(speakers)
    return {name: clips[who == name] for name in dict.fromkeys(speakers)}
