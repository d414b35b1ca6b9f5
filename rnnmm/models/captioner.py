"""An encoder and an LSTM decoder that attends to it while it writes."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from rnnmm.batch import Padded
from rnnmm.nn.attention import AdditiveAttention, Memory
from rnnmm.nn.pooling import MeanPooling


class WriterState(NamedTuple):
    """Where a caption stands after some words: a value, one row per sequence.

    memory: what is described. hidden, cell: ``(B, D)`` of the decoder's LSTM.
    """

    memory: Memory
    hidden: Tensor
    cell: Tensor


class AttentionCaptioner(nn.Module):
    """Soft-attention captioning of pictures and clips.

    Args:
        encoder: pixels to steps (`rnnmm.models.encoder`).
        num_outputs: K words, "<bos>" and "<eos>" among them.
        embedding_dim: size of a word's vector.
        hidden_dim: D of the decoder.
        attention_dim: size of the attention's hidden layer.
        dropout: in training, on word vectors and before the scores.

    Source:
        Xu et al. 2015, arXiv 1502.03044 (soft attention, deep output, state from the mean).
    """

    def __init__(
        self,
        encoder: nn.Module,
        num_outputs: int,
        embedding_dim: int = 128,
        hidden_dim: int = 256,
        attention_dim: int = 128,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        memory_dim = int(encoder.output_dim)  # type: ignore[arg-type]
        self.encoder = encoder
        self.pooling = MeanPooling(memory_dim)
        self.first = nn.Linear(memory_dim, 2 * hidden_dim)
        self.embedding = nn.Embedding(num_outputs, embedding_dim)
        self.attention = AdditiveAttention(hidden_dim, memory_dim, attention_dim)
        self.recurrence = nn.LSTMCell(embedding_dim + memory_dim, hidden_dim)
        self.head = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(hidden_dim + memory_dim, num_outputs)
        )
        self.dropout = nn.Dropout(dropout)

    def start(self, x: Padded) -> WriterState:
        """Looks at the input once: the state before the first word."""
        memory: Padded = self.encoder(x)
        hidden, cell = self.first(self.pooling(memory)).tanh().chunk(2, dim=1)  # (B, D) each
        return WriterState(self.attention.prepare(memory), hidden, cell)

    def step(self, tokens: Tensor, state: WriterState) -> tuple[Tensor, WriterState]:
        """Reads one word ``(B,)`` and scores the next.

        Returns:
            Logits ``(B, K)`` and the state after the word.
        """
        context, _ = self.attention(state.hidden, state.memory)  # (B, memory)
        word = self.dropout(self.embedding(tokens))  # (B, E)
        hidden, cell = self.recurrence(torch.cat([word, context], 1), (state.hidden, state.cell))
        logits = self.head(torch.cat([hidden, context], dim=1))  # (B, K)
        return logits, WriterState(state.memory, hidden, cell)

    def forward(self, x: Padded, tokens: Padded) -> Padded:
        """Scores each next word, given the true words before it.

        Args:
            x: pixels.
            tokens: ``(B, U)`` int64, beginning with "<bos>", without "<eos>".

        Returns:
            Logits ``(B, U, K)``: row u scores what follows token u.
        """
        state, scores = self.start(x), []
        for column in tokens.data.unbind(dim=1):
            logits, state = self.step(column, state)
            scores.append(logits)
        return tokens.with_data(torch.stack(scores, dim=1))  # (B, U, K)
