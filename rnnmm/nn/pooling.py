"""Sequences, and pictures, to one vector each; blind to padding."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from rnnmm.batch import Padded
from rnnmm.domain import Size
from rnnmm.nn.norm import RowNorm, StepNorm


class MeanPooling(nn.Module):
    """The mean over the valid steps."""

    def __init__(self, input_dim: int) -> None:
        super().__init__()
        self.output_dim = input_dim

    def forward(self, x: Padded) -> Tensor:
        """``(B, T, D)`` -> ``(B, D)``."""
        counts = x.lengths.to(x.data.device, x.data.dtype)[:, None]
        return x.zeroed().data.sum(dim=1) / counts


class LastPooling(nn.Module):
    """The last valid step: all that a left-to-right recurrence has gathered."""

    def __init__(self, input_dim: int) -> None:
        super().__init__()
        self.output_dim = input_dim

    def forward(self, x: Padded) -> Tensor:
        """``(B, T, D)`` -> ``(B, D)``."""
        rows = torch.arange(len(x.lengths), device=x.data.device)
        return x.data[rows, (x.lengths - 1).to(x.data.device)]


class AttentiveStatistics(nn.Module):
    """Mean and deviation over time under weights that the steps themselves choose.

    Args:
        input_dim: D of the input.
        attention_dim: size of the scorer's one hidden layer.

    Source:
        Okabe et al. 2018, "Attentive statistics pooling for deep speaker embedding",
        arXiv 1803.10963, equations 3-6.
    """

    def __init__(self, input_dim: int, attention_dim: Size = 64) -> None:
        super().__init__()
        self.scorer = nn.Sequential(
            nn.Linear(input_dim, attention_dim), nn.Tanh(), nn.Linear(attention_dim, 1, bias=False)
        )
        self.output_dim = 2 * input_dim

    def forward(self, x: Padded) -> Tensor:
        """``(B, T, D)`` -> ``(B, 2 D)``: the means, then the standard deviations."""
        x = x.zeroed()
        scores = self.scorer(x.data).squeeze(-1)  # (B, T)
        weights = scores.masked_fill(~x.mask, -torch.inf).softmax(dim=1)[..., None]  # (B, T, 1)
        return _moments(x.data, weights)


class Statistics(nn.Module):
    """Mean and deviation over the valid steps.

    Source:
        Snyder et al. 2018, "X-vectors: robust DNN embeddings for speaker recognition".
    """

    def __init__(self, input_dim: int) -> None:
        super().__init__()
        self.output_dim = 2 * input_dim

    def forward(self, x: Padded) -> Tensor:
        """``(B, T, D)`` -> ``(B, 2 D)``: the means, then the standard deviations."""
        return _moments(x.zeroed().data, _equal_weights(x))


class ChannelAttentiveStatistics(nn.Module):
    """Mean and deviation under weights that each channel chooses for itself, in context.

    The scorer sees a step beside the mean and the deviation of its whole sequence.

    Args:
        input_dim: D of the input.
        attention_dim: size of the scorer's one hidden layer.

    Source:
        Desplanques et al. 2020, "ECAPA-TDNN", arXiv 2005.07143, section 3.1.
    """

    def __init__(self, input_dim: int, attention_dim: Size = 128) -> None:
        super().__init__()
        self.hidden = nn.Linear(3 * input_dim, attention_dim)
        self.norm = StepNorm(attention_dim)
        self.scorer = nn.Linear(attention_dim, input_dim, bias=False)
        self.output_dim = 2 * input_dim

    def forward(self, x: Padded) -> Tensor:
        """``(B, T, D)`` -> ``(B, 2 D)``: the means, then the standard deviations."""
        x = x.zeroed()
        whole = _moments(x.data, _equal_weights(x))[:, None]  # (B, 1, 2 D)
        seen = torch.cat([x.data, whole.expand(-1, x.data.shape[1], -1)], dim=2)  # (B, T, 3 D)
        hidden = self.norm(x.with_data(torch.relu(self.hidden(seen)))).data.tanh()
        scores = self.scorer(hidden).masked_fill(~x.mask[..., None], -torch.inf)
        return _moments(x.data, scores.softmax(dim=1))


class MapSummary(nn.Module):
    """A picture's feature maps to one vector that still knows what is where.

    A mean over the picture hides both shape and movement. Here a coarse grid keeps the layout,
    and the centre of each map follows what moves between the cells.

    Args:
        input_dim: D, of the maps.
        output_dim: of the vector.
        grid: the maps are averaged down to ``grid x grid`` cells, whatever the picture's size.

    Source:
        The centres after the spatial soft argmax of Finn et al. 2016, arXiv 1509.06113, with the
        activation itself as the weight.
    """

    def __init__(self, input_dim: int, output_dim: int, grid: int = 4) -> None:
        super().__init__()
        self.grid = grid
        self.norm = RowNorm((grid * grid + 3) * input_dim)
        self.projection = nn.Linear((grid * grid + 3) * input_dim, output_dim)

    def forward(self, maps: Tensor) -> Tensor:
        """``(M, D, h, w)`` >= 0 -> ``(M, output_dim)``."""
        cells = functional.adaptive_avg_pool2d(maps, self.grid).flatten(1)  # (M, grid^2 D)
        vectors = torch.cat([cells, maps.amax(dim=(2, 3)), map_centres(maps)], dim=1)
        return torch.relu(self.projection(self.norm(vectors)))


def _equal_weights(x: Padded) -> Tensor:
    """``(B, T, 1)``: of the valid steps, 1 in all."""
    counts = x.lengths.to(x.data.device, x.data.dtype)[:, None, None]
    return x.mask[..., None] / counts


def _moments(data: Tensor, weights: Tensor) -> Tensor:
    """``(B, T, D)`` under weights that sum to 1 over T -> ``(B, 2 D)``: means, deviations."""
    mean = (weights * data).sum(dim=1, keepdim=True)  # (B, 1, D)
    variance = (weights * (data - mean).square()).sum(dim=1)  # (B, D)
    # The floor keeps the root's gradient finite where nothing varies (a single step).
    return torch.cat([mean[:, 0], variance.clamp(min=1e-6).sqrt()], dim=1)


def map_centres(maps: Tensor) -> Tensor:
    """``(M, D, h, w)`` >= 0 -> ``(M, 2 D)``: where each map is active, across, then down.

    In -1..1, from the left and the top; 0 of an empty map.
    """
    height, width = maps.shape[-2:]
    across = (torch.arange(width, device=maps.device, dtype=maps.dtype) + 0.5) * 2 / width - 1
    down = (torch.arange(height, device=maps.device, dtype=maps.dtype) + 0.5) * 2 / height - 1
    mass = maps.sum(dim=(2, 3)) + 1e-4  # (M, D); an empty map has its centre in the middle
    x = (maps.sum(dim=2) @ across) / mass
    y = (maps.sum(dim=3) @ down) / mass
    return torch.cat([x, y], dim=1)  # (M, 2 D)
