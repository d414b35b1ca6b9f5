"""The vectors that a trained task makes of its inputs."""

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnmm.batch import Padded
from rnnmm.loading.order import Batching
from rnnmm.models.classifier import Classifier
from rnnmm.store.reader import Store
from rnnmm.tasks.data import Rows, input_loader
from rnnmm.tasks.task import Task

Embed = Callable[[Tensor, Padded], Tensor]
"""Rows ``(B,)`` of the store and their raw inputs -> ``(B, D)``."""

# Pieces of one recording in a batch.
_NUM_PIECES = 32


@runtime_checkable
class Embeds(Protocol):
    """A task that says itself what stands for an item."""

    def embed(self, index: Tensor, inputs: Padded) -> Tensor:
        """Raw inputs to embeddings ``(B, D)``."""


def embedding_of(task: Task) -> Embed:
    """How a task embeds: by its own method, or by what its classifier pools over time.

    Raises:
        ValueError: It does neither.
    """
    if isinstance(task, Embeds):
        return task.embed
    model, features = task.model, task.features
    if isinstance(model, Classifier):
        return lambda index, inputs: model.pooling(model.encoder(features(inputs)))
    raise ValueError(
        f"{task.name}: expected a run that makes one vector per clip (task=verify or "
        f"task=speaker), got {type(task).__name__}"
    )


def embed_rows(task: Task, store: Store, rows: Rows, batching: Batching) -> NDArray[np.float64]:
    """Embeds every row; how batches are made cannot change a vector.

    Args:
        task: trained, on its device.
        store: where the rows lie.
        rows: which of them, at least one.
        batching: the budget of a batch.

    Returns:
        ``(I, D)`` in the order of ``rows``.

    Raises:
        ValueError: The task makes no embeddings.
    """
    embed = embedding_of(task.eval())
    vectors: dict[int, NDArray[np.float64]] = {}
    with torch.inference_mode():
        for batch in input_loader(store, rows, task.inputs, batching, task.device):
            found = embed(batch.rows, batch.inputs).double().cpu().numpy()
            vectors.update(zip(batch.rows.tolist(), found))
    return np.stack([vectors[row] for row in rows.index.tolist()])


def embed_pieces(task: Task, pieces: Sequence[NDArray[np.int16]]) -> NDArray[np.float64]:
    """Embeds pieces of PCM ``(N_i,)``, at least one -> ``(I, D)``.

    Raises:
        ValueError: The task makes no embeddings.
    """
    embed = embedding_of(task.eval())
    vectors = []
    with torch.inference_mode():
        for start in range(0, len(pieces), _NUM_PIECES):
            rows = [torch.tensor(piece) for piece in pieces[start : start + _NUM_PIECES]]
            inputs = Padded.stack(rows).to(task.device)
            vectors.append(embed(torch.arange(len(rows)), inputs).double().cpu().numpy())
    return np.concatenate(vectors)
