"""Encoders: input frames to a sequence of vectors on a coarser time grid.

Every encoder is a module with ``forward(Padded) -> Padded`` and ``output_dim``, and, where the
number of frames alone decides how many steps come out (which CTC needs), ``output_lengths``;
padding never changes a valid output.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from rnnmm.batch import Padded
from rnnmm.domain import Probability, Size
from rnnmm.nn.convlstm import ConvLstm
from rnnmm.nn.convolution import TimeConvolution, TimeFrequencyConvolution
from rnnmm.nn.dropout import Dropout, Mask
from rnnmm.nn.norm import StepNorm, scatter_steps
from rnnmm.nn.pooling import MapSummary
from rnnmm.nn.recurrent import Cell, Recurrent

_MANY = 1_000_000  # frames: what is left over of them says nothing


def stride_of(encoder: nn.Module) -> int:
    """Frames per step of an encoder; 1 where it has no ``output_lengths``, a step a frame."""
    output_lengths = getattr(encoder, "output_lengths", None)
    return round(_MANY / int(output_lengths(torch.tensor([_MANY])))) if output_lengths else 1


class Crnn(nn.Module):
    """Convolutions, then recurrence: the encoder for sound.

    Args:
        input_dim: F of the features.
        convolution: "time" (MFCC) or "time_frequency" (log-mel).
        channels: output channels of each convolution.
        strides: stride in time of each convolution; their product is the encoder's stride.
        hidden_dim: D of one direction.
        num_layers: recurrent layers.
        cell: the recurrence.
        bidirectional: read from both ends.
        dropout: in training, before, between and after the recurrent layers.
        norm: per-layer norm of the recurrence.
        residual, dropout_mask, weight_dropout: as in `Recurrent`; the mask holds for all dropout.
    """

    def __init__(  # noqa: PLR0913 one argument per axis of the design; no config object inside
        self,
        input_dim: int,
        convolution: Literal["time", "time_frequency"] = "time_frequency",
        channels: Sequence[Size] = (32, 32),
        strides: Sequence[Size] = (2, 2),
        hidden_dim: Size = 128,
        num_layers: Size = 2,
        cell: Cell = "lstm",
        bidirectional: bool = True,
        dropout: Probability = 0.0,
        norm: Literal["none", "layer"] = "none",
        residual: bool = False,
        dropout_mask: Mask = "step",
        weight_dropout: Probability = 0.0,
    ) -> None:
        super().__init__()
        front = TimeConvolution if convolution == "time" else TimeFrequencyConvolution
        self.front = front(input_dim, channels=channels, strides=strides)
        self.recurrent = Recurrent(
            self.front.output_dim, hidden_dim, num_layers, cell, bidirectional, dropout, norm,
            residual, dropout_mask, weight_dropout,
        )  # fmt: skip
        self.dropout = Dropout(dropout, dropout_mask)
        self.output_dim = self.recurrent.output_dim

    def output_lengths(self, lengths: Tensor) -> Tensor:
        """Steps that come out of so many frames."""
        return self.front.output_lengths(lengths)

    def forward(self, x: Padded) -> Padded:
        """``(B, T, F)`` -> ``(B, T', output_dim)``."""
        x = self.front(x)
        x = self.recurrent.forward(x.with_data(self.dropout(x.data)))
        return x.with_data(self.dropout(x.data))


class CnnRnn(nn.Module):
    """A CNN on every frame, then recurrence over the clip: the encoder for video.

    Args:
        frame_encoder: pictures to maps (`rnnmm.nn.frame`).
        frame_dim: size of the vector that stands for a frame.
        hidden_dim: D of one direction.
        num_layers: recurrent layers.
        cell: the recurrence.
        bidirectional: read from both ends.
        dropout: in training, on frame vectors and on the output.
    """

    def __init__(
        self,
        frame_encoder: nn.Module,
        frame_dim: Size = 128,
        hidden_dim: Size = 128,
        num_layers: Size = 1,
        cell: Cell = "lstm",
        bidirectional: bool = False,
        dropout: Probability = 0.0,
    ) -> None:
        super().__init__()
        self.frame_encoder = frame_encoder
        self.summary = MapSummary(int(frame_encoder.output_dim), frame_dim)  # type: ignore[arg-type]
        self.recurrent = Recurrent(frame_dim, hidden_dim, num_layers, cell, bidirectional, dropout)
        self.dropout = Dropout(dropout)
        self.output_dim = self.recurrent.output_dim

    def output_lengths(self, lengths: Tensor) -> Tensor:
        """One step a frame."""
        return lengths

    def forward(self, x: Padded) -> Padded:
        """``(B, T, C, H, W)`` -> ``(B, T, output_dim)``."""
        maps = self.frame_encoder(x.data[x.mask])  # (M, D, h, w): the valid frames alone
        vectors = self.summary(maps)  # (M, frame_dim)
        frames = scatter_steps(self.dropout(vectors), x)
        frames = self.recurrent.forward(frames)
        return frames.with_data(self.dropout(frames.data))


class Cnn(nn.Module):
    """A CNN on every frame and no recurrence: `CnnRnn` without its memory, for comparison.

    Args:
        frame_encoder: pictures to maps (`rnnmm.nn.frame`).
        frame_dim: size of the vector that stands for a frame.
        dropout: in training, on frame vectors.
    """

    def __init__(
        self, frame_encoder: nn.Module, frame_dim: Size = 128, dropout: Probability = 0.0
    ) -> None:
        super().__init__()
        self.frame_encoder = frame_encoder
        self.summary = MapSummary(int(frame_encoder.output_dim), frame_dim)  # type: ignore[arg-type]
        self.dropout = Dropout(dropout)
        self.output_dim = frame_dim

    def output_lengths(self, lengths: Tensor) -> Tensor:
        """One step a frame."""
        return lengths

    def forward(self, x: Padded) -> Padded:
        """``(B, T, C, H, W)`` -> ``(B, T, frame_dim)``."""
        maps = self.frame_encoder(x.data[x.mask])  # (M, D, h, w): the valid frames alone
        return scatter_steps(self.dropout(self.summary(maps)), x)


class CnnConvLstm(nn.Module):
    """A CNN on every frame, a recurrence over its maps, and only then one vector a frame.

    Args:
        frame_encoder: pictures to maps (`rnnmm.nn.frame`); all pictures of one size.
        frame_dim: size of the vector that stands for a frame and all before it.
        hidden_dim: channels of one direction's state.
        kernel_size: of the recurrence, odd.
        bidirectional: read from both ends.
        dropout: in training, on the output.
    """

    def __init__(
        self,
        frame_encoder: nn.Module,
        frame_dim: Size = 128,
        hidden_dim: Size = 32,
        kernel_size: Size = 3,
        bidirectional: bool = False,
        dropout: Probability = 0.0,
    ) -> None:
        super().__init__()
        map_dim = int(frame_encoder.output_dim)  # type: ignore[arg-type]
        self.frame_encoder = frame_encoder
        self.recurrent = ConvLstm(map_dim, hidden_dim, kernel_size, bidirectional)
        self.summary = MapSummary(self.recurrent.output_dim, frame_dim)
        self.dropout = Dropout(dropout)
        self.output_dim = frame_dim

    def output_lengths(self, lengths: Tensor) -> Tensor:
        """One step a frame."""
        return lengths

    def forward(self, x: Padded) -> Padded:
        """``(B, T, C, H, W)`` -> ``(B, T, frame_dim)``."""
        maps = self.frame_encoder(x.data[x.mask])  # (M, D, h, w): the valid frames alone
        hidden = self.recurrent(scatter_steps(maps, x))  # (B, T, hidden, h, w), in -1..1
        vectors = self.summary(torch.relu(hidden.data[x.mask]))  # (M, frame_dim)
        return scatter_steps(self.dropout(vectors), x)


class Rnn(nn.Module):
    """Vectors that others made, such as embeddings of frames, projected, then recurrence.

    Args:
        input_dim: F of the vectors.
        projection_dim: each is normed and brought to this size first.
        hidden_dim: D of one direction.
        num_layers: recurrent layers.
        cell: the recurrence.
        bidirectional: read from both ends.
        dropout: in training, on the projected vectors, between layers and on the output.
    """

    def __init__(
        self,
        input_dim: int,
        projection_dim: Size = 128,
        hidden_dim: Size = 128,
        num_layers: Size = 1,
        cell: Cell = "lstm",
        bidirectional: bool = False,
        dropout: Probability = 0.0,
    ) -> None:
        super().__init__()
        self.norm = StepNorm(input_dim)
        self.projection = nn.Linear(input_dim, projection_dim)
        self.recurrent = Recurrent(
            projection_dim, hidden_dim, num_layers, cell, bidirectional, dropout
        )
        self.dropout = Dropout(dropout)
        self.output_dim = self.recurrent.output_dim

    def output_lengths(self, lengths: Tensor) -> Tensor:
        """One step a vector."""
        return lengths

    def forward(self, x: Padded) -> Padded:
        """``(B, T, F)`` -> ``(B, T, output_dim)``."""
        x = self.norm(x)
        x = x.with_data(self.dropout(torch.relu(self.projection(x.data))))
        x = self.recurrent.forward(x)
        return x.with_data(self.dropout(x.data))
