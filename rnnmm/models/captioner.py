"""What every captioner is, and the one that attends to its encoder while it writes."""

from abc import ABC, abstractmethod
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

    memory: what is described. recurrent: ``(B, D)`` each, of the decoder's LSTMs, output and cell
    in turn. weights: ``(B, S)``, how much of each step of the memory the last word rests on; zero
    before the first word, and where a model does not look back.
    """

    memory: Memory
    recurrent: tuple[Tensor, ...]
    weights: Tensor

    def select(self, rows: Tensor) -> "WriterState":
        """The state of these rows ``(N,)``, repeats included."""
        recurrent = tuple(part[rows] for part in self.recurrent)
        return WriterState(self.memory.select(rows), recurrent, self.weights[rows])


class Written(NamedTuple):
    """What a captioner makes of given captions.

    logits: ``(B, U, K)``, row u scores what follows token u. weights: ``(B, U, S)``, where it
    looked meanwhile.
    """

    logits: Padded
    weights: Padded


class Captioner(nn.Module, ABC):
    """An encoder, and a decoder that writes one word after another.

    A subclass builds ``embedding``, ``head`` and its recurrence, and says how it starts and reads.
    All of them tell from the mean of what they see which words it suggests, and begin there.

    Args:
        encoder: pixels to steps (`rnnmm.models.encoder`, `rnnmm.models.cells`).
        num_outputs: K words, "<bos>" and "<eos>" among them.
        memory_dim: size of a step that the decoder looks at.
        dropout: in training, on word vectors.

    Source:
        Wu et al. 2016, arXiv 1506.01144 (state from the words that the input suggests).
    """

    embedding: nn.Embedding
    head: nn.Module

    def __init__(
        self, encoder: nn.Module, num_outputs: int, memory_dim: int, dropout: float
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.namer = nn.Linear(memory_dim, num_outputs)
        nn.init.constant_(self.namer.bias, _RARE)
        self.dropout = Dropout(dropout)

    @abstractmethod
    def start(self, x: Padded) -> WriterState:
        """Looks at the input once: the state before the first word."""

    @abstractmethod
    def read(self, tokens: Tensor, state: WriterState) -> tuple[Tensor, WriterState]:
        """One word ``(B,)`` further: the vector ``(B, V)`` from which ``head`` scores the next."""

    def name(self, memory: Memory) -> Tensor:
        """Logits ``(B, K)``: which words the whole input suggests, whatever their order."""
        logits: Tensor = self.namer(memory.mean())
        return logits

    def clues(self, memory: Memory) -> Tensor:
        """``(B, memory + K)``: the mean of the memory and the words that it suggests."""
        return torch.cat([memory.mean(), self.name(memory).sigmoid()], dim=1)

    def step(self, tokens: Tensor, state: WriterState) -> tuple[Tensor, WriterState]:
        """Reads one word ``(B,)`` and scores the next.

        Returns:
            Logits ``(B, K)`` and the state after the word.
        """
        vector, state = self.read(tokens, state)
        return self.head(vector), state

    def forward(self, x: Padded, tokens: Padded) -> Padded:
        """Scores each next word, given the true words before it.

        Args:
            x: pixels.
            tokens: ``(B, U)`` int64, beginning with "<bos>", without "<eos>".

        Returns:
            Logits ``(B, U, K)``: row u scores what follows token u.
        """
        return self.write(self.start(x), tokens).logits

    def write(self, state: WriterState, tokens: Padded, own: float = 0.0) -> Written:
        """As `forward`, from a state of as many rows as there are captions.

        Args:
            state: before the first word.
            tokens: as in `forward`.
            own: 0..1, how often a word after the first is not the true one but what the model
                itself draws there.

        Source:
            Bengio et al. 2015, arXiv 1506.03099 (scheduled sampling).
        """
        vectors: list[Tensor] = []
        weights = []
        for column in tokens.data.unbind(dim=1):
            read = self._mixed(vectors[-1], column, own) if own and vectors else column
            vector, state = self.read(read, state)
            vectors.append(vector)
            weights.append(state.weights)
        logits = self.head(torch.stack(vectors, dim=1))  # (B, U, K)
        return Written(tokens.with_data(logits), tokens.with_data(torch.stack(weights, dim=1)))

    def _mixed(self, vector: Tensor, true: Tensor, own: float) -> Tensor:
        """``(B,)`` words, some of them drawn."""
        chances = self.head(vector).detach().float().softmax(dim=1)  # (B, K)
        drawn = torch.multinomial(chances, 1).squeeze(1)
        return torch.where(torch.rand(len(true), device=true.device) < own, drawn, true)


class AttentionCaptioner(Captioner):
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
        embedding_dim: Size = 128,
        hidden_dim: Size = 256,
        attention_dim: Size = 128,
        dropout: Probability = 0.0,
    ) -> None:
        memory_dim = int(encoder.output_dim)  # type: ignore[arg-type]
        super().__init__(encoder, num_outputs, memory_dim, dropout)
        self.first = nn.Linear(memory_dim + num_outputs, 2 * hidden_dim)
        self.embedding = nn.Embedding(num_outputs, embedding_dim)
        self.attention = AdditiveAttention(hidden_dim, memory_dim, attention_dim)
        self.recurrence = nn.LSTMCell(embedding_dim + memory_dim, hidden_dim)
        self.head = nn.Sequential(
            Dropout(dropout), nn.Linear(hidden_dim + memory_dim, num_outputs)
        )

    def start(self, x: Padded) -> WriterState:
        """Looks at the input once: the state before the first word."""
        memory = self.attention.prepare(self.encoder(x))
        hidden, cell = self.first(self.clues(memory)).tanh().chunk(2, dim=1)  # (B, D) each
        return WriterState(memory, (hidden, cell), memory.nowhere())

    def read(self, tokens: Tensor, state: WriterState) -> tuple[Tensor, WriterState]:
        """One word ``(B,)`` further: what the next is chosen from ``(B, D + memory)``."""
        hidden, cell = state.recurrent
        context, weights = self.attention(hidden, state.memory)  # (B, memory), (B, S)
        word = self.dropout(self.embedding(tokens))  # (B, E)
        hidden, cell = self.recurrence(torch.cat([word, context], 1), (hidden, cell))
        vector = torch.cat([hidden, context], dim=1)  # (B, D + memory)
        return vector, WriterState(state.memory, (hidden, cell), weights)
