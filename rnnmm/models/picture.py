"""Stored frames to one vector each, by a network that is finished: features to be kept."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from rnnmm.batch import Padded
from rnnmm.domain import Size
from rnnmm.features.frames import Pixels

_CHUNK = 32


class PictureEmbedder(nn.Module):
    """A frame encoder, and the mean of its maps in each cell of a coarse grid.

    It is never trained: it stays in evaluation mode. A clip is embedded by itself, in chunks of
    32 frames, so its vectors depend on nothing but the clip.

    Args:
        frame_encoder: pictures to maps (`rnnmm.nn.frame`).
        grid: the maps are averaged down to ``grid x grid`` cells; 1 forgets what is where.
        pixels: how stored bytes become what the encoder takes; None: as ImageNet's networks do.
    """

    def __init__(
        self, frame_encoder: nn.Module, grid: Size = 1, pixels: Pixels | None = None
    ) -> None:
        super().__init__()
        self.frame_encoder = frame_encoder
        self.grid = grid
        self.pixels = Pixels() if pixels is None else pixels
        self.output_dim = int(frame_encoder.output_dim) * grid * grid  # type: ignore[arg-type]
        self.requires_grad_(False)
        super().train(False)

    def train(self, mode: bool = True) -> "PictureEmbedder":
        """Changes nothing."""
        return self

    def forward(self, frames: Tensor) -> Tensor:
        """``(T, H, W, C)`` uint8 -> ``(T, output_dim)``: cells in reading order, channels last."""
        return torch.cat([self._vectors(chunk) for chunk in torch.split(frames, _CHUNK)])

    def _vectors(self, frames: Tensor) -> Tensor:
        clip = Padded(frames[None], torch.tensor([len(frames)]))
        maps = self.frame_encoder(self.pixels(clip).data[0])  # (T, D, h, w)
        cells = functional.adaptive_avg_pool2d(maps, self.grid)  # (T, D, grid, grid)
        return cells.permute(0, 2, 3, 1).flatten(1)  # (T, grid^2 D)
