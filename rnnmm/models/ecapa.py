"""ECAPA-TDNN's encoder: the strongest convolutional baseline of speaker embeddings."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from rnnmm.batch import Padded
from rnnmm.domain import Size
from rnnmm.nn.pooling import MeanPooling
from rnnmm.nn.tdnn import TimeDelay


class EcapaTdnn(nn.Module):
    """Squeeze-excited Res2 blocks of which all are heard at the end.

    For `rnnmm.nn.pooling.ChannelAttentiveStatistics`.

    Args:
        input_dim: F of the features.
        channels: of each block, a multiple of ``scale``; 512 and 1024 in the paper.
        output_dim: of each step that comes out.
        dilations: of each block.
        scale: parts in which a block's channels are convolved one after the other.
        squeeze_dim: size of the squeeze-excitation's hidden layer.

    Raises:
        ValueError: The channels are no multiple of ``scale``.

    Source:
        Desplanques et al. 2020, "ECAPA-TDNN", arXiv 2005.07143, up to the pooling.
    """

    def __init__(
        self,
        input_dim: int,
        channels: Size = 512,
        output_dim: Size = 1536,
        dilations: Sequence[Size] = (2, 3, 4),
        scale: Size = 8,
        squeeze_dim: Size = 128,
    ) -> None:
        super().__init__()
        if channels % scale:
            raise ValueError(
                f"EcapaTdnn: expected channels to be a multiple of the scale {scale}, got "
                f"{channels}"
            )
        self.front = TimeDelay(input_dim, channels, 5)
        self.blocks = nn.ModuleList(
            SqueezedRes2(channels, dilation, scale, squeeze_dim) for dilation in dilations
        )
        self.aggregation = TimeDelay(channels * len(dilations), output_dim)
        self.output_dim = output_dim

    def output_lengths(self, lengths: Tensor) -> Tensor:
        """One step a frame."""
        return lengths

    def forward(self, x: Padded) -> Padded:
        """``(B, T, F)`` -> ``(B, T, output_dim)``, zeros as padding."""
        x = self.front(x.zeroed())
        heard = []
        for block in self.blocks:
            x = block(x)
            heard.append(x.data)
        y: Padded = self.aggregation(x.with_data(torch.cat(heard, dim=2)))
        return y


class SqueezedRes2(nn.Module):
    """One residual block. Arguments as in `EcapaTdnn`."""

    def __init__(self, channels: int, dilation: int, scale: int, squeeze_dim: int) -> None:
        super().__init__()
        width = channels // scale
        self.first = TimeDelay(channels, channels)
        # The first part goes on as it is; each other one hears the one before it.
        self.parts = nn.ModuleList(TimeDelay(width, width, 3, dilation) for _ in range(scale - 1))
        self.last = TimeDelay(channels, channels)
        self.squeeze = SqueezeExcitation(channels, squeeze_dim)
        self.width = width

    def forward(self, x: Padded) -> Padded:
        """``(B, T, C)`` -> ``(B, T, C)``, zeros as padding."""
        y = self.squeeze(self.last(self._convolved(self.first(x))))
        return x.with_data(x.data + y.data)

    def _convolved(self, x: Padded) -> Padded:
        first, *rest = torch.split(x.data, self.width, dim=2)
        done = [first]
        for convolve, part in zip(self.parts, rest):
            before = done[-1] if len(done) > 1 else torch.zeros_like(part)
            done.append(convolve(x.with_data(part + before)).data)
        return x.with_data(torch.cat(done, dim=2))


class SqueezeExcitation(nn.Module):
    """Each channel by a factor that all channels, averaged over the valid steps, choose.

    Args:
        channels: C.
        squeeze_dim: size of the one hidden layer.

    Source:
        Hu et al. 2018, arXiv 1709.01507.
    """

    def __init__(self, channels: Size, squeeze_dim: Size = 128) -> None:
        super().__init__()
        self.mean = MeanPooling(channels)
        self.gate = nn.Sequential(
            nn.Linear(channels, squeeze_dim), nn.ReLU(), nn.Linear(squeeze_dim, channels)
        )

    def forward(self, x: Padded) -> Padded:
        """``(B, T, C)`` -> the same."""
        return x.with_data(x.data * self.gate(self.mean(x)).sigmoid()[:, None])
