"""A recurrent language model: which symbol comes next."""

from typing import Any

import torch
from torch import Tensor, nn

from rnnmm.batch import Padded
from rnnmm.decode.scorer import State
from rnnmm.domain import Probability, Size
from rnnmm.losses import token_loss
from rnnmm.nn.dropout import Dropout
from rnnmm.nn.recurrent import Cell, Recurrent

END = 0
"""The symbol that stands for no text: before the first symbol and behind the last."""


class LanguageModel(nn.Module):
    """Symbols in, a distribution over the next one out.

    Args:
        num_outputs: K symbols, `END` among them.
        embedding_dim: of a symbol.
        hidden_dim: D of the recurrence.
        num_layers: of the recurrence.
        cell: the recurrence.
        dropout: in training, on embeddings, between layers and on the output.

    Source: Mikolov et al. 2010, "Recurrent neural network based language model".
    """

    def __init__(
        self,
        num_outputs: int,
        embedding_dim: Size = 64,
        hidden_dim: Size = 256,
        num_layers: Size = 1,
        cell: Cell = "lstm",
        dropout: Probability = 0.2,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_outputs, embedding_dim)
        self.recurrent = Recurrent(embedding_dim, hidden_dim, num_layers, cell, dropout=dropout)
        self.dropout = Dropout(dropout)
        self.head = nn.Linear(hidden_dim, num_outputs)

    def forward(self, x: Padded) -> Padded:
        """``(B, U)`` symbols -> ``(B, U, K)``, log-probabilities of what follows each."""
        x = self.recurrent(x.with_data(self.dropout(self.embedding(x.zeroed().data))))
        return x.with_data(self.head(self.dropout(x.data)).float().log_softmax(dim=-1))

    def loss(self, targets: Padded) -> Tensor:
        """Nats per symbol of ``(B, U)`` sequences, their end among them."""
        before, after = begun(targets), ended(targets)
        return token_loss(self.forward(before), after)

    def log_probs(self, targets: Padded) -> Tensor:
        """``(B,)`` float64: the natural log-probability of each sequence and its end."""
        after = ended(targets)
        scores = self.forward(begun(targets)).data.double()  # (B, U + 1, K)
        said = scores.gather(2, after.data[..., None]).squeeze(2)
        return said.masked_fill(~after.mask, 0.0).sum(dim=1)

    # As a scorer in a search (`rnnmm.decode.scorer.Scorer`): what a symbol is, is its own affair.

    def initial_state(self, batch_size: int) -> State:
        """Behind `END`: the recurrence, and what it says comes next."""
        layers = self.recurrent.initial_state(batch_size)
        device = self.embedding.weight.device
        begin = torch.full((batch_size,), END, device=device)
        return self._read(begin, tuple(part for layer in layers for part in layer))

    def scores(self, state: State) -> Tensor:
        """``(N, K)``: log-probability of each symbol, if it came next."""
        return state[0]

    def advance(self, state: State, tokens: Tensor) -> State:
        """The state behind ``(N,)`` further symbols."""
        return self._read(tokens.to(state[0].device), state[1:])

    def final_scores(self, state: State) -> Tensor:
        """``(N,)``: log-probability of the end."""
        return state[0][:, END]

    @torch.inference_mode()
    def _read(self, tokens: Tensor, parts: State) -> State:
        size = len(parts) // len(self.recurrent.layers)
        layers: Any = tuple(parts[i : i + size] for i in range(0, len(parts), size))
        steps, layers = self.recurrent.step(self.embedding(tokens)[:, None], layers)
        following = self.head(steps[:, 0]).float().log_softmax(dim=-1)
        return (following, *(part for layer in layers for part in layer))


def begun(targets: Padded) -> Padded:
    """``(B, U)`` -> ``(B, U + 1)``: `END`, then the symbols."""
    return Padded(torch.nn.functional.pad(targets.zeroed().data, (1, 0)), targets.lengths + 1)


def ended(targets: Padded) -> Padded:
    """``(B, U)`` -> ``(B, U + 1)``: the symbols, then `END`."""
    # The padding is END as well, and one more of it stands behind the longest.
    return Padded(torch.nn.functional.pad(targets.zeroed().data, (0, 1)), targets.lengths + 1)
