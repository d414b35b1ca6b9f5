"""Sequence to sequence, video to text: the same two LSTMs first read the frames, then write."""

import torch
from torch import Tensor, nn

from rnnmm.batch import Padded
from rnnmm.domain import Probability, Size
from rnnmm.models.captioner import Captioner, WriterState
from rnnmm.nn.attention import Memory
from rnnmm.nn.dropout import Dropout


class S2vtCaptioner(Captioner):
    """Two stacked LSTMs without attention: what a caption needs of a clip is in their state.

    While reading, the upper one gets no word; while writing, the lower one gets no frame. Unlike
    in the paper, the upper one begins with the words that the whole clip suggests.

    Args:
        encoder: pixels to one step per frame.
        num_outputs: K words, "<bos>" and "<eos>" among them.
        embedding_dim: size of a word's vector.
        hidden_dim: D of either LSTM.
        dropout: in training, on word vectors and before the scores.

    Source:
        Venugopalan et al. 2015, arXiv 1505.00487.
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
        self.lower = nn.LSTMCell(memory_dim, hidden_dim)
        self.upper = nn.LSTMCell(hidden_dim + embedding_dim, hidden_dim)
        self.head = nn.Sequential(Dropout(dropout), nn.Linear(hidden_dim, num_outputs))

    def start(self, x: Padded) -> WriterState:
        """Reads every frame: the state before the first word."""
        memory = Memory.of(self.encoder(x))
        upper = self.first(self.clues(memory)).tanh().chunk(2, dim=1)  # (B, D) each
        recurrent = (*map(torch.zeros_like, upper), *upper)
        no_word = upper[0].new_zeros(len(upper[0]), self.embedding.embedding_dim)
        for frame, is_valid in zip(memory.values.unbind(1), memory.mask.unbind(1)):
            after = self._advanced(frame, no_word, recurrent)
            # A row whose frames are at an end waits for the others.
            recurrent = tuple(
                torch.where(is_valid[:, None], new, old) for new, old in zip(after, recurrent)
            )
        return WriterState(memory, recurrent, memory.nowhere())

    def read(self, tokens: Tensor, state: WriterState) -> tuple[Tensor, WriterState]:
        """One word ``(B,)`` further: what the next is chosen from ``(B, D)``."""
        word = self.dropout(self.embedding(tokens))  # (B, E)
        no_frame = torch.zeros_like(state.memory.values[:, 0])  # (B, memory)
        recurrent = self._advanced(no_frame, word, state.recurrent)
        return recurrent[2], state._replace(recurrent=recurrent)

    def _advanced(
        self, frame: Tensor, word: Tensor, recurrent: tuple[Tensor, ...]
    ) -> tuple[Tensor, ...]:
        hidden, cell, upper_hidden, upper_cell = recurrent
        hidden, cell = self.lower(frame, (hidden, cell))
        upper = self.upper(torch.cat([hidden, word], dim=1), (upper_hidden, upper_cell))
        return hidden, cell, *upper
