"""Convolutional front ends over padded feature frames.

Each convolution has an odd kernel and zeros beyond both ends, and its output is zeroed beyond the
new length: a sequence sees the same zeros alone as in a batch. Norms count valid steps alone.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from rnnmm.batch import Padded
from rnnmm.domain import Size
from rnnmm.nn.norm import StepNorm


def strided_lengths(lengths: Tensor, stride: int) -> Tensor:
    """Lengths after a same-padded convolution with this stride: ``ceil(length / stride)``."""
    return (lengths + stride - 1) // stride


class TimeConvolution(nn.Module):
    """1-D convolutions over time: for features whose channels have no order, such as MFCC.

    Args:
        input_dim: F.
        channels: output channels of each layer.
        strides: stride in time of each layer.
        kernel_size: odd, steps.

    Raises:
        ValueError: Not as many strides as channels.
    """

    def __init__(
        self,
        input_dim: Size,
        channels: Sequence[Size] = (128, 128),
        strides: Sequence[Size] = (2, 2),
        kernel_size: Size = 5,
    ) -> None:
        super().__init__()
        _check_counts(channels, strides=strides)
        dims = [input_dim, *channels]
        self.strides = tuple(strides)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(before, after, kernel_size, stride, kernel_size // 2)
            for before, after, stride in zip(dims[:-1], channels, strides, strict=True)
        )
        self.norms = nn.ModuleList(StepNorm(dim) for dim in channels)
        self.output_dim = dims[-1]

    def output_lengths(self, lengths: Tensor) -> Tensor:
        """Steps that come out of so many steps."""
        for stride in self.strides:
            lengths = strided_lengths(lengths, stride)
        return lengths

    def forward(self, x: Padded) -> Padded:
        """``(B, T, F)`` -> ``(B, ceil(T / stride), output_dim)``."""
        x = x.zeroed()
        for convolution, norm, stride in zip(self.convolutions, self.norms, self.strides):
            y = convolution(x.data.transpose(1, 2)).transpose(1, 2)  # (B, T', C)
            x = norm(Padded(y, strided_lengths(x.lengths, stride)))
            x = x.with_data(torch.relu(x.data)).zeroed()
        return x


class TimeFrequencyConvolution(nn.Module):
    """2-D convolutions over time and frequency: for spectrogram-like features.

    Args:
        input_dim: F, the frequency bins.
        channels: output channels of each layer.
        strides: stride in time of each layer.
        frequency_strides: stride in frequency of each layer; None: 2 each.
        kernel_size: odd, on both axes.

    Raises:
        ValueError: Not as many strides, of either axis, as channels.
    """

    def __init__(
        self,
        input_dim: Size,
        channels: Sequence[Size] = (32, 32),
        strides: Sequence[Size] = (2, 2),
        frequency_strides: Sequence[Size] | None = None,
        kernel_size: Size = 3,
    ) -> None:
        super().__init__()
        if frequency_strides is None:
            frequency_strides = (2,) * len(channels)
        _check_counts(channels, strides=strides, frequency_strides=frequency_strides)
        dims = [1, *channels]
        self.strides = tuple(strides)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, after, kernel_size, (time, frequency), kernel_size // 2)
            for before, after, time, frequency in zip(
                dims[:-1], channels, strides, frequency_strides, strict=True
            )
        )
        bins = [input_dim]
        for stride in frequency_strides:
            bins.append((bins[-1] + stride - 1) // stride)
        # Over the channels and bins of one frame: measured better here than StepNorm (LOG.md).
        self.norms = nn.ModuleList(
            nn.LayerNorm([channel, count]) for channel, count in zip(channels, bins[1:])
        )
        self.output_dim = dims[-1] * bins[-1]

    def output_lengths(self, lengths: Tensor) -> Tensor:
        """Steps that come out of so many steps."""
        for stride in self.strides:
            lengths = strided_lengths(lengths, stride)
        return lengths

    def forward(self, x: Padded) -> Padded:
        """``(B, T, F)`` -> ``(B, ceil(T / stride), output_dim)``."""
        x = x.zeroed()
        maps = x.data[:, None]  # (B, 1, T, F)
        for convolution, norm, stride in zip(self.convolutions, self.norms, self.strides):
            frames = convolution(maps).transpose(1, 2)  # (B, T', C, F')
            x = Padded(torch.relu(norm(frames)), strided_lengths(x.lengths, stride)).zeroed()
            maps = x.data.transpose(1, 2)  # (B, C, T', F')
        return x.with_data(x.data.flatten(2))  # (B, T', C F')


def _check_counts(channels: Sequence[int], **strides: Sequence[int]) -> None:
    for name, values in strides.items():
        if len(values) != len(channels):
            raise ValueError(
                f"convolution: expected one value of {name} for each of the {len(channels)} "
                f"channels, got {len(values)}; set channels and {name} alike"
            )
