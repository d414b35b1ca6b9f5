"""An encoder and an LSTM decoder that attends to it while it writes."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from rnnmm.batch import Padded
from rnnmm.domain import Probability, Size
from rnnmm.nn.attention import AdditiveAttention, Memory
from rnnmm.nn.dropout import Dropout

_RARE = -5.0  # the logit of a word before anything is learned: hardly any is in a caption


class WriterState(NamedTuple):
    """Where a caption stands after some words: a value, one row per sequence.

    memory: what is described. hidden, cell: ``(B, D)`` of the decoder's LSTM.
    """

    memory: Memory
    hidden: Tensor
    cell: Tensor

    def select(self, rows: Tensor) -> "WriterState":
        """The state of these rows ``(N,)``, repeats included."""
        return WriterState(self.memory.select(rows), self.hidden[rows], self.cell[rows])


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
        Xu et al. 2015, arXiv 1502.03044 (soft attention, deep output, state from the mean); Wu et
        al. 2016, arXiv 1506.01144 (state from the words that the input suggests).
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
        super().__init__()
        memory_dim = int(encoder.output_dim)  # type: ignore[arg-type]
        self.encoder = encoder
        self.namer = nn.Linear(memory_dim, num_outputs)
        nn.init.constant_(self.namer.bias, _RARE)
        self.first = nn.Linear(memory_dim + num_outputs, 2 * hidden_dim)
        self.embedding = nn.Embedding(num_outputs, embedding_dim)
        self.attention = AdditiveAttention(hidden_dim, memory_dim, attention_dim)
        self.recurrence = nn.LSTMCell(embedding_dim + memory_dim, hidden_dim)
        self.head = nn.Sequential(
            Dropout(dropout), nn.Linear(hidden_dim + memory_dim, num_outputs)
        )
        self.dropout = Dropout(dropout)

    def start(self, x: Padded) -> WriterState:
        """Looks at the input once: the state before the first word."""
        memory = self.attention.prepare(self.encoder(x))
        clues = torch.cat([memory.mean(), self.name(memory).sigmoid()], dim=1)  # (B, memory + K)
        hidden, cell = self.first(clues).tanh().chunk(2, dim=1)  # (B, D) each
        return WriterState(memory, hidden, cell)

    def name(self, memory: Memory) -> Tensor:
        """Logits ``(B, K)``: which words the whole input suggests, whatever their order."""
        logits: Tensor = self.namer(memory.mean())
        return logits

    def step(self, tokens: Tensor, state: WriterState) -> tuple[Tensor, WriterState]:
        """Reads one word ``(B,)`` and scores the next.

        Returns:
            Logits ``(B, K)`` and the state after the word.
        """
        vector, state = self._read(tokens, state)
        return self.head(vector), state

    def forward(self, x: Padded, tokens: Padded) -> Padded:
        """Scores each next word, given the true words before it.

        Args:
            x: pixels.
            tokens: ``(B, U)`` int64, beginning with "<bos>", without "<eos>".

        Returns:
            Logits ``(B, U, K)``: row u scores what follows token u.
        """
        return self.write(self.start(x), tokens)

    def write(self, state: WriterState, tokens: Padded) -> Padded:
        """As `forward`, from a state of as many rows as there are captions."""
        read = []
        for column in tokens.data.unbind(dim=1):
            vector, state = self._read(column, state)
            read.append(vector)
        return tokens.with_data(self.head(torch.stack(read, dim=1)))  # (B, U, K)

    def _read(self, tokens: Tensor, state: WriterState) -> tuple[Tensor, WriterState]:
        """One word ``(B,)`` further: what the next is chosen from ``(B, D + memory)``."""
        context, _ = self.attention(state.hidden, state.memory)  # (B, memory)
        word = self.dropout(self.embedding(tokens))  # (B, E)
        hidden, cell = self.recurrence(torch.cat([word, context], 1), (state.hidden, state.cell))
        vector = torch.cat([hidden, context], dim=1)  # (B, D + memory)
        return vector, WriterState(state.memory, hidden, cell)
