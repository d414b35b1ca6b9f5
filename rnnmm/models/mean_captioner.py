"""A captioner that sees one vector, the mean of its input, with every word."""

import torch
from torch import Tensor, nn

from rnnmm.batch import Padded
from rnnmm.domain import Probability, Size
from rnnmm.models.captioner import Captioner, WriterState
from rnnmm.nn.attention import Memory
from rnnmm.nn.dropout import Dropout


class MeanCaptioner(Captioner):
    """An LSTM over words, each beside the mean of all steps.

    Args:
        encoder: pixels to steps.
        num_outputs: K words, "<bos>" and "<eos>" among them.
        embedding_dim: size of a word's vector.
        hidden_dim: D of the decoder.
        dropout: in training, on word vectors and before the scores.

    Source:
        Venugopalan et al. 2015, arXiv 1412.4729 (mean pooling over frames).
    """

    def __init__(
        self,
        encoder: nn.Module,
        num_outputs: int,
        embedding_dim: Size = 128,
        hidden_dim: Size = 256,
        dropout: Probability = 0.0,
    ) -> None:
        memory_dim = int(encoder.output_dim)  # type: ignore[arg-type]
        super().__init__(encoder, num_outputs, memory_dim, dropout)
        self.first = nn.Linear(memory_dim + num_outputs, 2 * hidden_dim)
        self.embedding = nn.Embedding(num_outputs, embedding_dim)
        self.recurrence = nn.LSTMCell(embedding_dim + memory_dim, hidden_dim)
        self.head = nn.Sequential(Dropout(dropout), nn.Linear(hidden_dim, num_outputs))

    def start(self, x: Padded) -> WriterState:
        """Looks at the input once: the state before the first word."""
        memory = Memory.of(self.encoder(x))
        hidden, cell = self.first(self.clues(memory)).tanh().chunk(2, dim=1)  # (B, D) each
        return WriterState(memory, (hidden, cell), memory.nowhere())

    def read(self, tokens: Tensor, state: WriterState) -> tuple[Tensor, WriterState]:
        """One word ``(B,)`` further: what the next is chosen from ``(B, D)``."""
        hidden, cell = state.recurrent
        word = self.dropout(self.embedding(tokens))  # (B, E)
        seen = torch.cat([word, state.memory.mean()], dim=1)  # (B, E + memory)
        hidden, cell = self.recurrence(seen, (hidden, cell))
        return hidden, state._replace(recurrent=(hidden, cell))
