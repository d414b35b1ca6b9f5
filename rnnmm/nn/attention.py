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

    @classmethod
    def of(cls, steps: Padded) -> "Memory":
        """The memory of a decoder that does not look for anything: no keys but the values."""
        values = steps.zeroed().data
        return cls(values, values, steps.mask)

    def nowhere(self) -> Tensor:
        """``(B, S)``: the weights of one who has not looked yet."""
        return torch.zeros_like(self.values[..., 0])

    def mean(self) -> Tensor:
        """``(B, D)``: the mean of the valid values."""
        return self.values.sum(dim=1) / self.mask.sum(dim=1, keepdim=True)

    def weighted(self, weights: Tensor) -> Tensor:
        """``(B, D)``: the sum of the values under weights ``(B, S)``."""
        return torch.bmm(weights[:, None], self.values).squeeze(1)

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
        weights = self.scores(query, memory).softmax(dim=1)  # (B, S)
        return memory.weighted(weights), weights

    def scores(self, query: Tensor, memory: Memory) -> Tensor:
        """``(B, S)`` before the softmax, -inf where not valid."""
        meeting = torch.tanh(memory.keys + self.query(query)[:, None])  # (B, S, A)
        scores: Tensor = self.score(meeting)
        return scores.squeeze(-1).masked_fill(~memory.mask, -torch.inf)


class SentinelAttention(nn.Module):
    """Additive attention in which a vector of the decoder's own stands beside the steps.

    Args:
        query_dim: size of the query.
        memory_dim: D of the memory and of the sentinel.
        attention_dim: size of the hidden layer in which they meet.

    Source:
        Lu et al. 2017, arXiv 1612.01887, equations 11-13.
    """

    def __init__(self, query_dim: int, memory_dim: int, attention_dim: int = 128) -> None:
        super().__init__()
        self.steps = AdditiveAttention(query_dim, memory_dim, attention_dim)
        self.key = nn.Linear(memory_dim, attention_dim)

    def prepare(self, memory: Padded) -> Memory:
        """The part that does not depend on the query."""
        return self.steps.prepare(memory)

    def forward(self, query: Tensor, sentinel: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """Looks once.

        Args:
            query: ``(B, Q)``.
            sentinel: ``(B, D)``, what is there instead of looking.
            memory: what `prepare` gave.

        Returns:
            The context ``(B, D)`` and the weights ``(B, S)`` of the steps; what is missing to a
            sum of one is the sentinel's.
        """
        own = self.steps.score(torch.tanh(self.key(sentinel) + self.steps.query(query)))  # (B, 1)
        scores = torch.cat([self.steps.scores(query, memory), own], dim=1)  # (B, S + 1)
        weights, rest = scores.softmax(dim=1).tensor_split([-1], dim=1)  # (B, S), (B, 1)
        return memory.weighted(weights) + rest * sentinel, weights
