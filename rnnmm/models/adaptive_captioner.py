"""A captioner that decides, word by word, whether to look at the picture at all."""

import torch
from torch import Tensor, nn

from rnnmm.batch import Padded
from rnnmm.domain import Probability, Size
from rnnmm.models.captioner import Captioner, WriterState
from rnnmm.nn.attention import SentinelAttention
from rnnmm.nn.dropout import Dropout


class AdaptiveCaptioner(Captioner):
    """Attention with a visual sentinel: what the language already tells competes with the cells.

    Args:
        encoder: pixels to steps.
        num_outputs: K words, "<bos>" and "<eos>" among them.
        embedding_dim: size of a word's vector.
        hidden_dim: D of the decoder, and of the cells once projected.
        attention_dim: size of the attention's hidden layer.
        dropout: in training, on word vectors and before the scores.

    Source:
        Lu et al. 2017, arXiv 1612.01887, equations 6-13.
    """

    def __init__(
        self,
        encoder: nn.Module,
        num_outputs: int,
        embedding_dim: Size = 128,
        hidden_dim: Size = 256,
        attention_dim: Size = 128,
        dropout: Probability = 0.0,
    ) -> None:
        super().__init__(encoder, num_outputs, hidden_dim, dropout)
        memory_dim = int(encoder.output_dim)  # type: ignore[arg-type]
        self.projection = nn.Linear(memory_dim, hidden_dim)
        self.first = nn.Linear(hidden_dim + num_outputs, 2 * hidden_dim)
        self.embedding = nn.Embedding(num_outputs, embedding_dim)
        self.recurrence = nn.LSTMCell(embedding_dim + hidden_dim, hidden_dim)
        self.gate = nn.Linear(embedding_dim + 2 * hidden_dim, hidden_dim)
        self.attention = SentinelAttention(hidden_dim, hidden_dim, attention_dim)
        self.head = nn.Sequential(Dropout(dropout), nn.Linear(hidden_dim, num_outputs))

    def start(self, x: Padded) -> WriterState:
        """Looks at the input once: the state before the first word."""
        steps: Padded = self.encoder(x)
        memory = self.attention.prepare(steps.with_data(self.projection(steps.data).relu()))
        hidden, cell = self.first(self.clues(memory)).tanh().chunk(2, dim=1)  # (B, D) each
        return WriterState(memory, (hidden, cell), memory.nowhere())

    def read(self, tokens: Tensor, state: WriterState) -> tuple[Tensor, WriterState]:
        """One word ``(B,)`` further: what the next is chosen from ``(B, D)``."""
        before, cell = state.recurrent
        word = self.dropout(self.embedding(tokens))  # (B, E)
        seen = torch.cat([word, state.memory.mean()], dim=1)  # (B, E + D)
        gate = self.gate(torch.cat([seen, before], dim=1)).sigmoid()  # (B, D)
        hidden, cell = self.recurrence(seen, (before, cell))
        sentinel = gate * cell.tanh()
        context, weights = self.attention(hidden, sentinel, state.memory)  # (B, D), (B, S)
        return context + hidden, WriterState(state.memory, (hidden, cell), weights)
