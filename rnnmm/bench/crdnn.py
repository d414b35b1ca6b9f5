"""SpeechBrain's CRDNN made of our parts: the same layers, the same number of parameters.

Two blocks of two 3 x 3 convolutions, each with layer norm and leaky ReLU, then a maximum over two
frequency bins and channel dropout; a maximum over two steps; bidirectional LSTMs; linear blocks
with batch norm. Frames stay in memory as ``(B, T, F, C)``: it is the layout in which the layer
norm, the pooling and oneDNN's and cuDNN's convolutions all work, so nothing is ever copied to
another one. Beyond what SpeechBrain does, padding is kept at zero, so that no answer depends on
it (SpeechBrain's convolutions, backward LSTMs and batch norms see it).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from rnnmm.batch import Padded
from rnnmm.nn.norm import StepNorm
from rnnmm.nn.recurrent import Recurrent

TIME_POOLING = 2


@dataclass(frozen=True)
class Sizes:
    """Of the network; by default SpeechBrain's CTC recipe for TIMIT, every width over four.

    Args:
        num_mels: input bands.
        channels: of each block.
        num_layers, hidden_dim: of the recurrence, one direction.
        num_linear, linear_dim: of the blocks behind it.
        dropout: everywhere.
        num_outputs: symbols, the blank among them.
    """

    num_mels: int = 40
    channels: tuple[int, ...] = (32, 64)
    num_layers: int = 4
    hidden_dim: int = 128
    num_linear: int = 2
    linear_dim: int = 128
    dropout: float = 0.15
    num_outputs: int = 28


class Crdnn(nn.Module):
    """The encoder: all but the scores."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        dims, bins = (1, *sizes.channels), sizes.num_mels
        self.blocks = nn.ModuleList()
        for before, after in zip(dims[:-1], sizes.channels):
            self.blocks.append(_Block(before, after, bins, sizes.dropout))
            bins //= 2
        self.recurrent = Recurrent(
            bins * dims[-1], sizes.hidden_dim, sizes.num_layers, bidirectional=True,
            dropout=sizes.dropout,
        )  # fmt: skip
        widths = [self.recurrent.output_dim] + [sizes.linear_dim] * sizes.num_linear
        self.linear = nn.ModuleList(nn.Linear(before, after) for before, after in pairwise(widths))
        self.norms = nn.ModuleList(StepNorm(width) for width in widths[1:])
        self.dropout = nn.Dropout(sizes.dropout)
        self.output_dim = widths[-1]

    def output_lengths(self, lengths: Tensor) -> Tensor:
        """Steps that come out of so many frames."""
        return lengths // TIME_POOLING

    def forward(self, x: Padded) -> Padded:
        """``(B, T, F)`` -> ``(B, T // 2, output_dim)``."""
        x = x.zeroed()
        x = x.with_data(x.data[..., None])  # (B, T, F, 1)
        for block in self.blocks:
            x = block(x)
        pooled = _max_pooled(x.data, (TIME_POOLING, 1))  # (B, T // 2, F', C)
        x = Padded(pooled.flatten(2), self.output_lengths(x.lengths))
        x = self.recurrent.forward(x)
        for linear, norm in zip(self.linear, self.norms):
            x = norm(x.with_data(linear(x.data)))
            x = x.with_data(self.dropout(functional.leaky_relu(x.data)))
        return x


class _Block(nn.Module):
    def __init__(self, before: int, after: int, bins: int, dropout: float) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Conv2d(dim, after, 3, padding=1).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            for dim in (before, after)
        )
        self.norms = nn.ModuleList(nn.LayerNorm([bins, after]) for _ in range(2))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Padded) -> Padded:
        """``(B, T, F, C)``, zeros as padding -> ``(B, T, F // 2, C')``, the same."""
        first, second = (
            partial(_convolved, *layer) for layer in zip(self.convolutions, self.norms)
        )
        frames = second(x.with_data(first(x.data)).zeroed().data)
        pooled = _max_pooled(frames, (1, 2))  # (B, T, F', C)
        # Whole channels are dropped, and the padding with them, in one pass over the frames.
        kept = self.dropout(pooled.new_ones(len(pooled), 1, 1, pooled.shape[3]))
        return x.with_data(pooled * (kept * x.mask[..., None, None]))


def _convolved(convolution: nn.Module, norm: nn.Module, frames: Tensor) -> Tensor:
    maps = convolution(frames.permute(0, 3, 1, 2))  # (B, C, T, F), a view of (B, T, F, C)
    return functional.leaky_relu(norm(maps.permute(0, 2, 3, 1)), inplace=True)


def _max_pooled(frames: Tensor, window: Sequence[int]) -> Tensor:
    """Maxima over windows of time x frequency of ``(B, T, F, C)``."""
    maps = functional.max_pool2d(frames.permute(0, 3, 1, 2), list(window))
    return maps.permute(0, 2, 3, 1)
