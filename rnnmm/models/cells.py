"""The encoder of photos: a CNN's map as a few cells to attend to."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from rnnmm.batch import Padded
from rnnmm.domain import Probability, Size
from rnnmm.nn.dropout import Dropout
from rnnmm.nn.norm import RowNorm, scatter_steps


class CnnCells(nn.Module):
    """A CNN whose map, averaged down to a coarse grid, becomes the steps.

    Nothing mixes the cells: their mean is the mean of the picture, so that what a loss asks of it
    reaches the CNN by the shortest way. A clip's frames follow one another, each with its cells in
    reading order.

    Args:
        frame_encoder: pictures to maps (`rnnmm.nn.frame`).
        cell_dim: size of the vector that stands for a cell.
        grid: the map becomes ``grid x grid`` cells, whatever the picture's size.
        dropout: in training, on the maps' channels and on the cells.
    """

    def __init__(
        self,
        frame_encoder: nn.Module,
        cell_dim: Size = 128,
        grid: Size = 3,
        dropout: Probability = 0.0,
    ) -> None:
        super().__init__()
        map_dim = int(frame_encoder.output_dim)  # type: ignore[arg-type]
        self.frame_encoder = frame_encoder
        self.grid = grid
        self.norm = RowNorm(map_dim)
        self.projection = nn.Linear(map_dim, cell_dim)
        self.dropout = Dropout(dropout)
        self.output_dim = cell_dim

    def forward(self, x: Padded) -> Padded:
        """``(B, T, C, H, W)`` -> ``(B, T grid^2, cell_dim)``."""
        maps: Tensor = self.frame_encoder(x.data[x.mask])  # (M, D, h, w)
        rows = functional.adaptive_avg_pool2d(maps, self.grid).flatten(2).mT.flatten(0, 1)
        cells = torch.relu(self.projection(self.dropout(self.norm(rows))))  # (M grid^2, cell)
        pictures = cells.reshape(len(maps), self.grid**2, -1)  # (M, grid^2, cell)
        frames = scatter_steps(self.dropout(pictures), x)  # (B, T, grid^2, cell)
        return Padded(frames.data.flatten(1, 2), frames.lengths * self.grid**2)
