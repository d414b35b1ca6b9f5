"""The x-vector's encoder: the baseline of speaker embeddings since 2018."""

from collections.abc import Sequence

from torch import Tensor, nn

from rnnmm.batch import Padded
from rnnmm.domain import Size
from rnnmm.nn.tdnn import TimeDelay


class Tdnn(nn.Module):
    """Time-delay layers that see ever more context; for `rnnmm.nn.pooling.Statistics`.

    Args:
        input_dim: F of the features.
        channels: of each layer.
        kernel_sizes: odd, of each layer.
        dilations: of each layer.

    Raises:
        ValueError: Not one kernel size and one dilation for each of the channels.

    Source:
        Snyder et al. 2018, "X-vectors: robust DNN embeddings for speaker recognition", table 1,
        up to the pooling; with zeros beyond the ends, so that no frame is lost.
    """

    def __init__(
        self,
        input_dim: int,
        channels: Sequence[Size] = (512, 512, 512, 512, 1500),
        kernel_sizes: Sequence[Size] = (5, 3, 3, 1, 1),
        dilations: Sequence[Size] = (1, 2, 3, 1, 1),
    ) -> None:
        super().__init__()
        if not len(channels) == len(kernel_sizes) == len(dilations):
            raise ValueError(
                f"Tdnn: expected as many kernel_sizes and dilations as channels, got "
                f"{len(kernel_sizes)}, {len(dilations)} and {len(channels)}"
            )
        dims = [input_dim, *channels]
        self.layers = nn.ModuleList(
            TimeDelay(*shape) for shape in zip(dims[:-1], channels, kernel_sizes, dilations)
        )
        self.output_dim = dims[-1]

    def output_lengths(self, lengths: Tensor) -> Tensor:
        """One step a frame."""
        return lengths

    def forward(self, x: Padded) -> Padded:
        """``(B, T, F)`` -> ``(B, T, output_dim)``, zeros as padding."""
        x = x.zeroed()
        for layer in self.layers:
            x = layer(x)
        return x
