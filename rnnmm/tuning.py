"""The weights of a search, tried out on a split: what the model hears is worked out once."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rnnmm.batch import Padded
from rnnmm.config import build
from rnnmm.models.recogniser import Recogniser
from rnnmm.signature import TARGET, parameters, resolve
from rnnmm.store.reader import Store
from rnnmm.tasks.data import Rows, input_loader
from rnnmm.tasks.recognition import SpeechRecognition
from rnnmm.tasks.task import Prediction

Heard = list[tuple[Tensor, Padded]]
"""Of each batch, rows of the store and what `Recogniser.listen` gives."""

Grid = Mapping[str, Sequence[float]]
"""The values to try, of each setting of a search."""


class Trial(NamedTuple):
    """Settings of the search by name, and the word error rate they came to."""

    settings: dict[str, float]
    wer: float


def tune_search(
    config: Mapping[str, Any],
    task: SpeechRecognition,
    store: Store,
    rows: Rows,
    grid: Grid,
) -> list[Trial]:
    """Tries every combination of settings; the best come first, of equals the earliest.

    Args:
        config: of the run; its ``model.search`` is what the settings change.
        task: trained.
        store: where the rows lie.
        rows: to try on; never those that figures are told of.
        grid: what to try.

    Raises:
        ValueError: The config has no ``model.search`` with these settings.
    """
    node = config["model"].get("search")
    known = parameters(resolve(node[TARGET])) if node else {}
    if not grid.keys() <= known.keys():
        raise ValueError(
            f"tune-decode: expected a search that has {', '.join(grid)}, got "
            f"{node[TARGET] if node else 'none in model.search'}; give that of the model's kind "
            f"as model.search._target_=rnnmm.search.word_beam (CTC), word_transducer_beam or "
            f"word_attention_beam"
        )
    heard = listen_all(config, task, store, rows)
    trials = []
    for values in itertools.product(*grid.values()):
        settings = dict(zip(grid, values))
        search = build({**node, **settings}, answers=task.answers)
        with _searching(task.model, search):
            trials.append(Trial(settings, _wer(task, heard, rows)))
    return sorted(trials, key=lambda trial: trial.wer)


def listen_all(
    config: Mapping[str, Any], task: SpeechRecognition, store: Store, rows: Rows
) -> Heard:
    """What the model hears in each row."""
    batches = input_loader(store, rows, task.inputs, build(config["loader"]), task.device)
    task.eval()
    with torch.inference_mode():
        return [(batch.rows, task.model.listen(task.features(batch.inputs))) for batch in batches]


@contextmanager
def _searching(model: Recogniser, search: object) -> Iterator[None]:
    """The model with another search, for as long as this lasts."""
    own, model.search = model.search, search
    try:
        yield
    finally:
        model.search = own


@torch.inference_mode()
def _wer(task: SpeechRecognition, heard: Heard, rows: Rows) -> float:
    predictions: list[Prediction] = []
    for index, batch in heard:
        predictions += task.transcribe(index, task.model.find(batch))
    references = [rows.references[one.row] for one in predictions]
    return task.score(predictions, references).metrics["wer"]
