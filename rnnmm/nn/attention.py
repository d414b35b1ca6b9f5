"""Attention of a decoder over a padded memory."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from rnnmm.batch import Padded


class Memory(NamedTuple):
    """What a decoder looks back on, prepared once for all its steps.

    values: ``(B, S, D)``, zero where not valid. keys: ``(B, S, A)``, the values seen by the
    scorer. mask: ``(B, S)``, True where valid.
    """

    values: Tensor
    keys: Tensor
    mask: Tensor

    def mean(self) -> Tensor:
        """``(B, D)``: the mean of the valid values."""
        return self.values.sum(dim=1) / self.mask.sum(dim=1, keepdim=True)

    def select(self, rows: Tensor) -> "Memory":
        """The memory of these rows ``(N,)``, repeats included."""
        return Memory(self.values[rows], self.keys[rows], self.mask[rows])


class AdditiveAttention(nn.Module):
    """Weights every step of a memory by a small network of query and step.

    Args:
        query_dim: size of the query.
        memory_dim: D of the memory.
        attention_dim: size of the hidden layer in which the two meet.

    Source:
        Bahdanau et al. 2015, arXiv 1409.0473, appendix A.1.2.
    """

    def __init__(self, query_dim: int, memory_dim: int, attention_dim: int = 128) -> None:
        super().__init__()
        self.key = nn.Linear(memory_dim, attention_dim)
        self.query = nn.Linear(query_dim, attention_dim, bias=False)
        self.score = nn.Linear(attention_dim, 1, bias=False)

    def prepare(self, memory: Padded) -> Memory:
        """The part that does not depend on the query."""
        memory = memory.zeroed()
        return Memory(memory.data, self.key(memory.data), memory.mask)

    def forward(self, query: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """Looks once.

        Args:
            query: ``(B, Q)``.
            memory: what `prepare` gave.

        Returns:
            The context ``(B, D)`` and the weights ``(B, S)``, which sum to one over valid steps.
        """
        meeting = torch.tanh(memory.keys + self.query(query)[:, None])  # (B, S, A)
        scores = self.score(meeting).squeeze(-1).masked_fill(~memory.mask, -torch.inf)
        weights = scores.softmax(dim=1)  # (B, S)
        context = torch.bmm(weights[:, None], memory.values).squeeze(1)  # (B, D)
        return context, weights
