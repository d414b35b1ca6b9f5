"""The decoder that attends: an LSTM writes symbols and looks at the steps while it does."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from rnnmm.batch import Padded
from rnnmm.domain import Fraction, Probability, Size
from rnnmm.losses import token_loss
from rnnmm.nn.attention import Memory
from rnnmm.nn.dropout import Dropout
from rnnmm.nn.location import LocationAttention

_ATTENDED = 0.5  # sum of all weights from which on a step counts as attended to


class Spelling(NamedTuple):
    """Where a transcript stands after some symbols: a value, one row per hypothesis.

    memory: the encoder's steps. hidden, cell: ``(B, D)`` of the decoder's LSTM. context:
    ``(B, M)``, what it looked at. weights: ``(B, S)`` of that look; attended: of all so far.
    """

    memory: Memory
    hidden: Tensor
    cell: Tensor
    context: Tensor
    weights: Tensor
    attended: Tensor

    def repeat(self, width: int) -> "Spelling":
        """Every row so many times, one behind the other."""
        rows = torch.arange(len(self.hidden), device=self.hidden.device)
        rows = rows.repeat_interleave(width)
        return self.select(rows)._replace(memory=self.memory.select(rows))

    def select(self, rows: Tensor) -> "Spelling":
        """These rows ``(M,)``, each of the same item as the row whose place it takes."""
        return Spelling(self.memory, *[part[rows] for part in self[1:]])


class Speller(nn.Module):
    """An LSTM with location-aware attention.

    Symbol 0 stands before the first symbol and is written after the last.

    Args:
        memory_dim: M, size of the steps it attends to.
        num_outputs: K symbols, 0 among them.
        hidden_dim: D of the LSTM and of the symbols' vectors.
        attention_dim: size of the attention's hidden layer.
        dropout: in training, on the symbols' vectors and before the scores.
        label_smoothing: probability mass spread over all symbols in training, in [0, 1).
        sampling: in training, how often it reads the symbol that it held for the best instead of
            the true one; 0: never (teacher forcing).

    Source:
        Chan et al. 2016, arXiv 1508.01211; attention of Chorowski et al. 2015, arXiv 1506.07503;
        sampling of Bengio et al. 2015, arXiv 1506.03099.
    """

    def __init__(
        self,
        memory_dim: int,
        num_outputs: int,
        hidden_dim: Size = 128,
        attention_dim: Size = 128,
        dropout: Probability = 0.0,
        label_smoothing: Probability = 0.1,
        sampling: Fraction = 0.0,
    ) -> None:
        super().__init__()
        self.label_smoothing = label_smoothing
        self.sampling = sampling
        self.embedding = nn.Embedding(num_outputs, hidden_dim)
        self.recurrence = nn.LSTMCell(hidden_dim + memory_dim, hidden_dim)
        self.attention = LocationAttention(hidden_dim, memory_dim, attention_dim)
        self.head = nn.Sequential(
            Dropout(dropout), nn.Linear(hidden_dim + memory_dim, num_outputs)
        )
        self.dropout = Dropout(dropout)

    def forward(self, steps: Padded, symbols: Padded) -> Padded:
        """Scores what follows each symbol, given the true ones before it.

        Args:
            steps: ``(B, S, M)``.
            symbols: ``(B, U)``, without beginning and end.

        Returns:
            Logits ``(B, U + 1, K)``: row u scores what follows u symbols.
        """
        given = nn.functional.pad(symbols.zeroed().data, (1, 0))  # (B, U + 1)
        state, logits, read = self.start(steps), [], given[:, 0]
        for column in given[:, 1:].unbind(dim=1):
            scores, state = self._read(read, state)
            logits.append(scores)
            read = self._sampled(column, scores)
        logits.append(self._read(read, state)[0])
        return Padded(torch.stack(logits, dim=1), symbols.lengths + 1)  # (B, U + 1, K)

    def loss(self, steps: Padded, targets: Padded) -> Tensor:
        """Cross-entropy per symbol of ``(B, U)`` targets, the end among them."""
        ended = nn.functional.pad(targets.zeroed().data, (0, 1))  # (B, U + 1), 0 behind each
        after = Padded(ended, targets.lengths + 1)
        return token_loss(self.forward(steps, targets), after, self.label_smoothing)

    def start(self, steps: Padded) -> Spelling:
        """The state before the first symbol: nothing written, nothing looked at."""
        memory = self.attention.prepare(steps)
        batch, num_steps, memory_dim = memory.values.shape
        hidden, context, nowhere = (
            memory.values.new_zeros(batch, size)
            for size in (self.recurrence.hidden_size, memory_dim, num_steps)
        )
        return Spelling(memory, hidden, hidden, context, nowhere, nowhere)

    def step(self, symbols: Tensor, state: Spelling) -> tuple[Tensor, Tensor, Spelling]:
        """As `rnnmm.decode.attention.Step`: one symbol a row ``(M,)`` further."""
        logits, state = self._read(symbols, state)
        covered = (state.attended > _ATTENDED).sum(dim=1)
        return logits.float().log_softmax(dim=-1), covered, state

    def _read(self, symbols: Tensor, state: Spelling) -> tuple[Tensor, Spelling]:
        """Logits ``(M, K)`` of what follows symbols ``(M,)``, and the state after them."""
        vector = self.dropout(self.embedding(symbols))  # (M, D)
        hidden, cell = self.recurrence(
            torch.cat([vector, state.context], dim=1), (state.hidden, state.cell)
        )
        context, weights = self.attention(hidden, state.memory, state.weights)
        logits = self.head(torch.cat([hidden, context], dim=1))
        attended = state.attended + weights.detach()
        return logits, Spelling(state.memory, hidden, cell, context, weights, attended)

    def _sampled(self, truth: Tensor, logits: Tensor) -> Tensor:
        """The true symbols ``(B,)``; in training, at times what the model held for the best."""
        if not self.training or not self.sampling:
            return truth
        is_own = torch.rand(len(truth), device=truth.device) < self.sampling
        return torch.where(is_own, logits.argmax(dim=1), truth)
