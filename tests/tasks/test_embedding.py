from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from rnnmm.batch import Padded
from rnnmm.models.classifier import Classifier
from rnnmm.nn.pooling import MeanPooling
from rnnmm.tasks.embedding import embed_pieces, embedding_of


class Doubling(nn.Module):
    output_dim = 1

    def forward(self, x: Padded) -> Padded:
        return x.with_data(2 * x.data)


def features(inputs: Padded) -> Padded:
    """``(B, N)`` -> ``(B, N, 1)``."""
    return inputs.with_data(inputs.data[..., None].float())


def task(model: nn.Module, **more: object) -> SimpleNamespace:
    made = SimpleNamespace(name="t", model=model, features=features, device="cpu", **more)
    made.eval = lambda: made
    return made


PIECES = [np.full(n, n, np.int16) for n in range(1, 41)]


def test_a_classifier_gives_what_it_pools() -> None:
    found = embed_pieces(task(Classifier(Doubling(), 3, MeanPooling)), PIECES)
    assert found.dtype == np.float64
    assert found[:, 0].tolist() == [2.0 * n for n in range(1, 41)]


def test_a_task_that_embeds_is_asked_itself() -> None:
    def embed(index: Tensor, inputs: Padded) -> Tensor:
        return torch.stack([inputs.lengths, index], dim=1).float()

    found = embed_pieces(task(nn.Identity(), embed=embed), PIECES)
    assert found[:, 0].tolist() == list(range(1, 41))
    assert embedding_of(task(nn.Identity(), embed=embed)) is embed


def test_a_task_that_makes_no_vectors_is_refused() -> None:
    with pytest.raises(ValueError, match=r"t: expected a run that makes one vector per clip"):
        embedding_of(task(nn.Identity()))
