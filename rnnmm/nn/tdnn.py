"""The time-delay layer that x-vectors and ECAPA are made of."""

import torch
from torch import Tensor, nn

from rnnmm.batch import Padded
from rnnmm.domain import Size
from rnnmm.nn.norm import StepNorm


class TimeDelay(nn.Module):
    """A dilated convolution over time, ReLU, batch norm over the valid steps; no stride.

    There are zeros beyond both ends, alone as in a batch.

    Args:
        input_dim: F.
        output_dim: of each step.
        kernel_size: odd, steps looked at.
        dilation: steps between those.

    Source:
        Waibel et al. 1989, "Phoneme recognition using time-delay neural networks".
    """

    def __init__(
        self, input_dim: Size, output_dim: Size, kernel_size: Size = 1, dilation: Size = 1
    ) -> None:
        super().__init__()
        reach = dilation * (kernel_size // 2)
        self.convolution = nn.Conv1d(input_dim, output_dim, kernel_size, 1, reach, dilation)
        self.norm = StepNorm(output_dim)
        self.output_dim = output_dim

    def output_lengths(self, lengths: Tensor) -> Tensor:
        """As many steps as went in."""
        return lengths

    def forward(self, x: Padded) -> Padded:
        """``(B, T, F)``, zeros as padding -> ``(B, T, output_dim)``, likewise."""
        y = self.convolution(x.data.transpose(1, 2)).transpose(1, 2)  # (B, T, output_dim)
        normed: Padded = self.norm(x.with_data(torch.relu(y)))
        return normed
