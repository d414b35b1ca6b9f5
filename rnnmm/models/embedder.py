"""One vector for a whole sequence: near to those of the same class, seen in training or not."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from rnnmm.batch import Padded
from rnnmm.domain import Probability, Size
from rnnmm.nn.dropout import Dropout
from rnnmm.nn.fitted import Fitted
from rnnmm.nn.margin import MarginHead
from rnnmm.nn.norm import RowNorm
from rnnmm.nn.pooling import AttentiveStatistics
from rnnmm.speakers.backend import ARRAYS


class Embedder(nn.Module):
    """An encoder, a pooling over time, an embedding, and a head for the training alone.

    Embeddings are centred: the last norm takes away their mean over the training, and divides by
    their deviation, so that their cosine compares what is special about two sequences.

    Args:
        encoder: features to steps.
        input_dim: F of the features.
        num_outputs: K training classes.
        embedding_dim: of what the encoder gives; D is this and what ``input_pooling`` adds.
        pooling: makes the pooling for a given input size (`rnnmm.nn.pooling`).
        input_pooling: makes one more, of the features themselves: what is constant over a
            sequence needs no encoder to be heard. It stands beside what the encoder has to say,
            so that training on few classes cannot unlearn it. None: the encoder's steps alone.
        head: makes the head for an embedding's size and the number of classes (`rnnmm.nn.margin`).
        dropout: in training, on the pooled vectors.
    """

    centre: Tensor
    whitening: Tensor
    """``(D,)`` and ``(D, D)``: found after the training, see `rnnmm.speakers.whitening`."""
    calibration: Tensor
    """``(2,)``: a cosine times the first, and the second added, is a log-likelihood ratio."""

    def __init__(
        self,
        encoder: nn.Module,
        input_dim: int,
        num_outputs: int,
        embedding_dim: Size = 192,
        pooling: Callable[[int], nn.Module] = AttentiveStatistics,
        input_pooling: Callable[[int], nn.Module] | None = None,
        head: Callable[[int, int], nn.Module] = MarginHead,
        dropout: Probability = 0.0,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.pooling = pooling(int(encoder.output_dim))  # type: ignore[arg-type]
        pooled_dim = int(self.pooling.output_dim)  # type: ignore[arg-type]
        self.projection = nn.Sequential(
            RowNorm(pooled_dim, affine=False),
            Dropout(dropout),
            nn.Linear(pooled_dim, embedding_dim, bias=False),
            RowNorm(embedding_dim, affine=False),
        )
        self.beside = None if input_pooling is None else _beside(input_pooling(input_dim), dropout)
        if self.beside is not None:
            embedding_dim += int(self.beside[0].output_dim)  # type: ignore[arg-type]
        self.head = head(embedding_dim, num_outputs)
        self.embedding_dim = embedding_dim
        self.register_buffer("centre", torch.zeros(embedding_dim))
        self.register_buffer("whitening", torch.eye(embedding_dim))
        self.register_buffer("calibration", torch.tensor([1.0, 0.0]))
        self.fitted = Fitted(ARRAYS)  # what else embeddings may be compared by

    def embed(self, x: Padded) -> Tensor:
        """Features -> embeddings ``(B, D)``, to be compared by cosine."""
        return self.whiten(self.represent(x))

    def whiten(self, embeddings: Tensor) -> Tensor:
        """``(B, D)`` as the head sees them -> as comparisons do; alike before `whitening`."""
        return (embeddings - self.centre) @ self.whitening

    def represent(self, x: Padded) -> Tensor:
        """Features -> embeddings ``(B, D)`` for the head."""
        embeddings: Tensor = self.projection(self.pooling(self.encoder(x)))
        return embeddings if self.beside is None else torch.cat([embeddings, self.beside(x)], 1)

    def forward(self, x: Padded) -> Tensor:
        """Features -> scores of the training classes ``(B, K)`` (logits)."""
        logits: Tensor = self.head(self.represent(x))
        return logits

    def loss(self, x: Padded, labels: Tensor, progress: float = 1.0) -> Tensor:
        """The head's own, in nats per item.

        Args:
            x: features.
            labels: ``(B,)`` classes.
            progress: 0..1, the part of the training that is done.
        """
        loss: Tensor = self.head.loss(self.represent(x), labels, progress)  # type: ignore[operator]
        return loss


def _beside(pooling: nn.Module, dropout: float) -> nn.Sequential:
    norm = RowNorm(int(pooling.output_dim), affine=False)  # type: ignore[arg-type]
    return nn.Sequential(pooling, norm, Dropout(dropout))
