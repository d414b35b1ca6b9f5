"""What comes next, and how far off that was: the surprise of every frame."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from rnnmm.batch import Padded
from rnnmm.domain import Count, Probability, Size
from rnnmm.nn.dropout import Dropout
from rnnmm.nn.norm import RowNorm, scatter_steps
from rnnmm.nn.recurrent import Cell, Recurrent

_INITIAL = 1e-3  # of the head: nothing is foretold to move until something was learned


class Predictor(nn.Module):
    """Reads frames from left to right and says, before each, what it will be.

    Frames are vectors, such as embeddings or bands of sound, or pictures, of which a coarse grid
    is foretold. Each number is brought to mean 0 and deviation 1 of the training, so that an error
    of 1 is what always saying the mean would get. The recurrence reads changes from frame to frame
    and foretells the next one: what stands still, such as a room, has no say in what will move.

    Args:
        input_dim: F of the vectors, or C channels of the pictures.
        grid: pictures are averaged down to ``grid x grid`` cells; 0: frames are vectors.
        hidden_dim: D of the recurrence.
        num_layers: of the recurrence.
        cell: the recurrence.
        dropout: in training, between layers and on the output.
    """

    threshold: Tensor
    """``()``: errors above it are out of the ordinary; found after the training."""

    def __init__(
        self,
        input_dim: int,
        grid: Count = 0,
        hidden_dim: Size = 128,
        num_layers: Size = 1,
        cell: Cell = "lstm",
        dropout: Probability = 0.0,
    ) -> None:
        super().__init__()
        self.grid = grid
        frame_dim = input_dim * max(1, grid * grid)
        self.norm = RowNorm(frame_dim, affine=False)
        self.recurrent = Recurrent(frame_dim, hidden_dim, num_layers, cell, dropout=dropout)
        self.dropout = Dropout(dropout)
        self.head = nn.Linear(hidden_dim, frame_dim)
        nn.init.normal_(self.head.weight, std=_INITIAL)
        nn.init.zeros_(self.head.bias)
        self.register_buffer("threshold", torch.tensor(1.0))

    def forward(self, x: Padded) -> Padded:
        """``(B, T, ...)`` -> ``(B, T, D)``: each frame as foretold by those before it.

        The first is foretold to be the mean, which is zero.
        """
        return self.foretell(self.represent(x))

    def represent(self, x: Padded) -> Padded:
        """``(B, T, F)`` or ``(B, T, C, H, W)`` -> ``(B, T, D)``: what is foretold of a frame."""
        frames = x.data[x.mask].float()  # (M, ...): the valid ones alone
        if self.grid:
            frames = functional.adaptive_avg_pool2d(frames, self.grid)  # (M, C, grid, grid)
        return scatter_steps(self.norm(frames.flatten(1)), x)

    def foretell(self, frames: Padded) -> Padded:
        """``(B, T, D)`` -> ``(B, T, D)``, one frame ahead of what was read."""
        change = functional.pad(frames.data.diff(dim=1), (0, 0, 1, 0))  # none at the first
        read = self.recurrent(frames.with_data(change))
        following = frames.data + self.head(self.dropout(read.data))
        return frames.with_data(functional.pad(following[:, :-1], (0, 0, 1, 0))).zeroed()

    def errors(self, x: Padded) -> Padded:
        """``(B, T, 2)``: the mean square error of each frame, foretold, and as if nothing moved.

        Of the first frame, before which there was nothing, both are 0.
        """
        frames = self.represent(x)
        before = functional.pad(frames.data[:, :-1], (0, 0, 1, 0))
        guesses = torch.stack([self.foretell(frames).data, before], dim=2)  # (B, T, 2, D)
        errors = (guesses - frames.data[:, :, None]).square().mean(dim=3)
        is_first = torch.arange(errors.shape[1], device=errors.device) == 0
        return x.with_data(errors.masked_fill(is_first[:, None], 0.0)).zeroed()
