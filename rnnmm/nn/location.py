"""Attention that knows where it looked last."""

import torch
from torch import Tensor, nn

from rnnmm.batch import Padded
from rnnmm.nn.attention import Memory


class LocationAttention(nn.Module):
    """Weights every step of a memory by query, step, and the last weights around it.

    So equal sounds are told apart by their place, and the next look can go on from the last.

    Args:
        query_dim: size of the query.
        memory_dim: D of the memory.
        attention_dim: size of the hidden layer in which all three meet.
        num_filters: over the last weights.
        width: steps that a filter sees, odd.

    Raises:
        ValueError: The width is even.

    Source:
        Chorowski et al. 2015, arXiv 1506.07503, equations 5 to 9.
    """

    def __init__(
        self,
        query_dim: int,
        memory_dim: int,
        attention_dim: int = 128,
        num_filters: int = 10,
        width: int = 51,
    ) -> None:
        super().__init__()
        if width % 2 == 0:
            raise ValueError(f"LocationAttention: expected an odd width, got {width}")
        self.key = nn.Linear(memory_dim, attention_dim)
        self.query = nn.Linear(query_dim, attention_dim, bias=False)
        self.filters = nn.Conv1d(1, num_filters, width, padding=width // 2, bias=False)
        self.place = nn.Linear(num_filters, attention_dim, bias=False)
        self.score = nn.Linear(attention_dim, 1, bias=False)

    def prepare(self, memory: Padded) -> Memory:
        """The part that depends neither on the query nor on the last weights."""
        memory = memory.zeroed()
        return Memory(memory.data, self.key(memory.data), memory.mask)

    def forward(self, query: Tensor, memory: Memory, last: Tensor) -> tuple[Tensor, Tensor]:
        """Looks once.

        Args:
            query: ``(B, Q)``.
            memory: what `prepare` gave.
            last: ``(B, S)``, the weights of the look before; zero in the padding.

        Returns:
            The context ``(B, D)`` and the weights ``(B, S)``, which sum to one over valid steps.
        """
        place = self.place(self.filters(last[:, None]).transpose(1, 2))  # (B, S, A)
        meeting = torch.tanh(memory.keys + self.query(query)[:, None] + place)
        scores = self.score(meeting).squeeze(-1).masked_fill(~memory.mask, -torch.inf)
        weights = scores.softmax(dim=1)  # (B, S)
        context = torch.bmm(weights[:, None], memory.values).squeeze(1)  # (B, D)
        return context, weights
