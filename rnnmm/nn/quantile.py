"""How the values of a sequence are spread, channel by channel, as one vector; blind to padding."""

from collections.abc import Sequence
from typing import Annotated

import torch
from torch import Tensor, nn

from rnnmm.batch import Padded
from rnnmm.domain import Range
from rnnmm.nn.pooling import Statistics


class Spread(nn.Module):
    """Mean, deviation and quantiles over the valid steps.

    A voice's loud and quiet frames are other sounds: its 5 % and 95 % quantiles of a log-mel band
    tell more than a deviation does. Quantiles lie linearly between the two nearest values.

    Args:
        input_dim: D of the input.
        levels: which quantiles, each 0..1.

    Raises:
        ValueError: No levels.
    """

    levels: Tensor

    def __init__(
        self,
        input_dim: int,
        levels: Sequence[Annotated[float, Range(0.0, 1.0)]] = (0.05, 0.25, 0.5, 0.75, 0.95),
    ) -> None:
        super().__init__()
        if not levels:
            raise ValueError("Spread: expected at least one level, got none")
        self.moments = Statistics(input_dim)
        self.register_buffer("levels", torch.tensor(levels), persistent=False)
        self.output_dim = (2 + len(levels)) * input_dim

    def forward(self, x: Padded) -> Tensor:
        """``(B, T, D)`` -> ``(B, (2 + levels) D)``: means, deviations, each level's quantiles."""
        ordered = x.data.masked_fill(~x.mask[..., None], torch.inf).sort(dim=1).values
        lengths = x.lengths.to(x.data.device, non_blocking=True)
        places = self.levels * (lengths[:, None] - 1)  # (B, L)
        below = places.floor().long()
        above = torch.minimum(below + 1, lengths[:, None] - 1)
        low, high = (_steps(ordered, place) for place in (below, above))  # (B, L, D) each
        quantiles = torch.lerp(low, high, (places - below)[..., None].to(x.data.dtype))
        return torch.cat([self.moments(x), quantiles.flatten(1)], dim=1)


def _steps(data: Tensor, places: Tensor) -> Tensor:
    """``(B, T, D)``, ``(B, L)`` -> ``(B, L, D)``."""
    return data.gather(1, places[..., None].expand(-1, -1, data.shape[2]))
