"""A captioner of two LSTMs: one decides where to look, the other what to say."""

import torch
from torch import Tensor, nn

from rnnmm.batch import Padded
from rnnmm.domain import Probability, Size
from rnnmm.models.captioner import Captioner, WriterState
from rnnmm.nn.attention import AdditiveAttention
from rnnmm.nn.dropout import Dropout


class TopDownCaptioner(Captioner):
    """Top-down attention. What goes up to it are an encoder's cells, or any regions' features.

    Args:
        encoder: pixels to steps.
        num_outputs: K words, "<bos>" and "<eos>" among them.
        embedding_dim: size of a word's vector.
        hidden_dim: D of either LSTM.
        attention_dim: size of the attention's hidden layer.
        dropout: in training, on word vectors and before the scores.

    Source:
        Anderson et al. 2018, arXiv 1707.07998, section 3.2.
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
        memory_dim = int(encoder.output_dim)  # type: ignore[arg-type]
        super().__init__(encoder, num_outputs, memory_dim, dropout)
        self.first = nn.Linear(memory_dim + num_outputs, 4 * hidden_dim)
        self.embedding = nn.Embedding(num_outputs, embedding_dim)
        self.looker = nn.LSTMCell(hidden_dim + memory_dim + embedding_dim, hidden_dim)
        self.attention = AdditiveAttention(hidden_dim, memory_dim, attention_dim)
        self.speaker = nn.LSTMCell(memory_dim + hidden_dim, hidden_dim)
        self.head = nn.Sequential(Dropout(dropout), nn.Linear(hidden_dim, num_outputs))

    def start(self, x: Padded) -> WriterState:
        """Looks at the input once: the state before the first word."""
        memory = self.attention.prepare(self.encoder(x))
        recurrent = self.first(self.clues(memory)).tanh().chunk(4, dim=1)  # (B, D) each
        return WriterState(memory, recurrent, memory.nowhere())

    def read(self, tokens: Tensor, state: WriterState) -> tuple[Tensor, WriterState]:
        """One word ``(B,)`` further: what the next is chosen from ``(B, D)``."""
        look, look_cell, speech, speech_cell = state.recurrent
        word = self.dropout(self.embedding(tokens))  # (B, E)
        seen = torch.cat([speech, state.memory.mean(), word], dim=1)  # (B, D + memory + E)
        look, look_cell = self.looker(seen, (look, look_cell))
        context, weights = self.attention(look, state.memory)  # (B, memory), (B, S)
        heard = torch.cat([context, look], dim=1)  # (B, memory + D)
        speech, speech_cell = self.speaker(heard, (speech, speech_cell))
        recurrent = (look, look_cell, speech, speech_cell)
        return speech, WriterState(state.memory, recurrent, weights)
