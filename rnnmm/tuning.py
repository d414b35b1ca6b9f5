"""The weights of a search, tried out on a split: what the model hears is worked out once."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rnnmm.batch import Padded
from rnnmm.config import build
from rnnmm.models.ctc import CtcModel, CtcSearch
from rnnmm.signature import TARGET, parameters, resolve
from rnnmm.store.reader import Store
from rnnmm.tasks.data import Rows, input_loader
from rnnmm.tasks.recognition import SpeechRecognition
from rnnmm.tasks.task import Prediction

Scores = list[tuple[Tensor, Padded]]
"""Rows of the store and the symbol scores ``(B, T, K)`` of each batch."""


class Trial(NamedTuple):
    """Settings of the search by name, and the word error rate they came to."""

    settings: dict[str, float]
    wer: float


def tune_search(
    config: Mapping[str, Any],
    task: SpeechRecognition,
    store: Store,
    rows: Rows,
    grid: Mapping[str, Sequence[float]],
) -> list[Trial]:
    """Tries every combination of settings; the best come first, of equals the earliest.

    Args:
        config: of the run; its ``model.search`` is what the settings change.
        task: trained, with a `CtcModel`.
        store: where the rows lie.
        rows: to try on; never those that figures are told of.
        grid: values of each setting.

    Raises:
        ValueError: The config has no ``model.search`` with these settings.
    """
    node = config["model"].get("search")
    known = parameters(resolve(node[TARGET])) if node else {}
    if not isinstance(task.model, CtcModel) or not grid.keys() <= known.keys():
        raise ValueError(
            f"tune-decode: expected a CTC model with a search that has {', '.join(grid)}, got "
            f"{node[TARGET] if node else 'none in model.search'}; give one as in "
            f"configs/experiment/an4_asr_best.yaml"
        )
    scores = symbol_scores(config, task, store, rows)
    trials = []
    for values in itertools.product(*grid.values()):
        settings = dict(zip(grid, values))
        search: CtcSearch = build({**node, **settings}, answers=task.answers)
        trials.append(Trial(settings, _wer(task, search, scores, rows)))
    return sorted(trials, key=lambda trial: trial.wer)


def symbol_scores(
    config: Mapping[str, Any], task: SpeechRecognition, store: Store, rows: Rows
) -> Scores:
    """What a CTC model hears in each row."""
    batches = input_loader(store, rows, task.inputs, build(config["loader"]), task.device)
    task.eval()
    with torch.inference_mode():
        return [(batch.rows, task.model(task.features(batch.inputs))) for batch in batches]


def _wer(task: SpeechRecognition, search: CtcSearch, scores: Scores, rows: Rows) -> float:
    predictions: list[Prediction] = []
    for index, log_probs in scores:
        predictions += task.transcribe(index, search(log_probs))
    references = [rows.references[one.row] for one in predictions]
    return task.score(predictions, references).metrics["wer"]
