"""The parts of a transducer beside its encoder: what was written, and where the two meet."""

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from rnnmm.batch import Padded
from rnnmm.nn.dropout import Dropout
from rnnmm.nn.recurrent import Recurrent, State


class Predictor(nn.Module):
    """An LSTM over the symbols written so far.

    Args:
        num_outputs: K symbols; 0, the blank, stands for the beginning.
        hidden_dim: D of the symbols' vectors and of the LSTM.
        num_layers: of the LSTM.
        dropout: in training, before, between and after its layers.
    """

    def __init__(
        self, num_outputs: int, hidden_dim: int, num_layers: int = 1, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_outputs, hidden_dim)
        self.recurrent = Recurrent(hidden_dim, hidden_dim, num_layers, dropout=dropout)
        self.dropout = Dropout(dropout)
        self.output_dim = hidden_dim

    def forward(self, symbols: Padded) -> Padded:
        """``(B, U)`` -> ``(B, U + 1, D)``: what stands before each symbol, and after the last."""
        data = nn.functional.pad(symbols.zeroed().data, (1, 0))  # (B, U + 1)
        x = Padded(self.dropout(self.embedding(data)), symbols.lengths + 1)
        x = self.recurrent.forward(x)
        return x.with_data(self.dropout(x.data))

    def initial_state(self, batch_size: int) -> Tensor:
        """``(B, S)``: before the beginning; all layers of a row side by side."""
        layers = self.recurrent.initial_state(batch_size)
        return torch.cat([part for layer in layers for part in layer], dim=1)

    def step(self, symbols: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Reads one symbol a row ``(B,)``: what stands after it ``(B, D)``, and the next state."""
        parts = torch.split(state, self.output_dim, dim=1)
        layers: tuple[State, ...] = tuple(zip(parts[::2], parts[1::2]))
        y, layers = self.recurrent.step(self.embedding(symbols)[:, None], layers)
        return y[:, 0], torch.cat([part for layer in layers for part in layer], dim=1)


class Joint(nn.Module):
    """Scores what follows a step and what was written: ``tanh`` of their sum, then one layer.

    Args:
        step_dim: size of the encoder's steps.
        written_dim: D of the predictor.
        joint_dim: J, the size in which the two meet.
        num_outputs: K symbols, the blank (index 0) among them.
        max_elements: of the largest tensor that `lattice` makes, unless one step needs more.
    """

    def __init__(
        self,
        step_dim: int,
        written_dim: int,
        joint_dim: int,
        num_outputs: int,
        max_elements: int = 2**21,
    ) -> None:
        super().__init__()
        self.steps = nn.Linear(step_dim, joint_dim)
        self.written = nn.Linear(written_dim, joint_dim, bias=False)
        self.head = nn.Linear(joint_dim, num_outputs)
        self.max_elements = max_elements

    def forward(self, steps: Tensor, written: Tensor) -> Tensor:
        """Two of ``(..., J)``, seen by `steps` and `written` -> log-probabilities ``(..., K)``."""
        logits: Tensor = self.head(torch.tanh(steps + written))
        return logits.float().log_softmax(dim=-1)

    def lattice(self, steps: Tensor, written: Tensor, symbols: Tensor) -> Tensor:
        """Scores a transcript at every step, a few steps at a time: B T U K never stand as one.

        What the lattice does not need is thrown away, and made again for the gradient.

        Args:
            steps: ``(B, T, J)``, seen by `steps`.
            written: ``(B, U + 1, J)``, seen by `written`.
            symbols: ``(B, U)``, 0 in the padding.

        Returns:
            ``(B, T, U + 1, 2)``, see `rnnmm.nn.lattice`.
        """
        following = nn.functional.pad(symbols, (0, 1))  # (B, U + 1)
        per_step = written.shape[0] * written.shape[1] * max(self.head.weight.shape)
        chunks = torch.split(steps, max(1, self.max_elements // per_step), dim=1)
        parts = [
            checkpoint(
                self._score, chunk, written, following,
                use_reentrant=False, preserve_rng_state=False,
            )
            for chunk in chunks
        ]  # fmt: skip
        return torch.cat(parts, dim=1)

    def _score(self, steps: Tensor, written: Tensor, following: Tensor) -> Tensor:
        """``(B, T', U + 1, 2)``: of the blank, and of the symbol that follows."""
        log_probs = self.forward(steps[:, :, None], written[:, None])  # (B, T', U + 1, K)
        index = following[:, None, :, None].expand(-1, log_probs.shape[1], -1, -1)
        return torch.cat([log_probs[..., :1], log_probs.gather(3, index)], dim=3)
