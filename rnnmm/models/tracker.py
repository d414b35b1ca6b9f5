"""From two looks at one place to how the object has moved; what it was like is in the state."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from rnnmm.batch import Padded
from rnnmm.domain import Positive, Size
from rnnmm.features.box import bounded, crop_around, move_boxes
from rnnmm.nn.norm import scatter_steps
from rnnmm.nn.recurrent import Recurrent, State

_INITIAL = 1e-3  # of the head: nothing moves until something was learned


class Tracker(nn.Module):
    """A CNN on the window around the last box, before and now, then an LSTM over time.

    Objects are rows of the batch, and the state of each is a value: any number may be followed at
    once, joined and left at will.

    Args:
        frame_encoder: windows to maps (`rnnmm.nn.frame`).
        window_px: height and width of a window.
        context: how many times as wide and high as the last box the window is.
        grid: the maps are averaged down to ``grid x grid`` cells, which still tell where.
        frame_dim: size of the vector that stands for a pair of windows.
        hidden_dim: D of the LSTM.
        num_layers: of the LSTM.

    Source:
        Gordon et al. 2018, "Re3: real-time recurrent regression networks for visual tracking",
        arXiv 1705.06368; here with a small CNN, and moves instead of corners.
    """

    def __init__(
        self,
        frame_encoder: nn.Module,
        window_px: Size = 48,
        context: Positive = 2.0,
        grid: Size = 6,
        frame_dim: Size = 128,
        hidden_dim: Size = 128,
        num_layers: Size = 2,
    ) -> None:
        super().__init__()
        self.frame_encoder = frame_encoder
        self.window_px = window_px
        self.context = context
        self.grid = grid
        map_dim = int(frame_encoder.output_dim)  # type: ignore[arg-type]
        self.projection = nn.Linear(2 * map_dim * grid * grid, frame_dim)
        self.recurrent = Recurrent(frame_dim, hidden_dim, num_layers)
        self.head = nn.Linear(hidden_dim, 4)
        nn.init.normal_(self.head.weight, std=_INITIAL)
        nn.init.zeros_(self.head.bias)

    def forward(self, x: Padded) -> Padded:
        """Windows ``(B, T, 2 C, h, w)``, before and now -> moves ``(B, T, 4)``, padded with 0."""
        vectors = scatter_steps(self._vectors(x.data[x.mask]), x)  # (B, T, frame_dim)
        return x.with_data(self.head(self.recurrent(vectors).data)).zeroed()

    def initial_state(self, batch_size: int) -> tuple[State, ...]:
        """Before anything was seen."""
        return self.recurrent.initial_state(batch_size)

    def step(self, x: Tensor, state: tuple[State, ...]) -> tuple[Tensor, tuple[State, ...]]:
        """Windows ``(B, T, 2 C, h, w)`` of any T; steps put together equal `forward`."""
        vectors = self._vectors(x.flatten(0, 1)).reshape(*x.shape[:2], -1)  # (B, T, frame_dim)
        y, state = self.recurrent.step(vectors, state)
        return self.head(y), state

    def look(self, before: Tensor, now: Tensor, boxes: Tensor) -> Tensor:
        """Frames ``(B, H, W, C)`` uint8 and the last boxes ``(B, 4)`` -> one step for `step`."""
        windows = [crop_around(f, boxes, self.window_px, self.context) for f in (before, now)]
        return torch.cat(windows, dim=1)[:, None]  # (B, 1, 2 C, h, w)

    def follow(self, frames: Tensor, first: Tensor) -> Tensor:
        """Where objects go from where they are in the first frame.

        Args:
            frames: ``(B, T, H, W, C)`` uint8.
            first: ``(B, 4)`` boxes: left, top, width, height as fractions of the picture.

        Returns:
            ``(B, T, 4)``, the first as given.
        """
        boxes, state = [first], self.initial_state(len(first))
        for before, now in zip(frames.unbind(1)[:-1], frames.unbind(1)[1:]):
            moves, state = self.step(self.look(before, now, boxes[-1]), state)
            boxes.append(bounded(move_boxes(boxes[-1], moves[:, 0])))
        return torch.stack(boxes, dim=1)

    def _vectors(self, windows: Tensor) -> Tensor:
        """``(M, 2 C, h, w)`` -> ``(M, frame_dim)``: both windows by the same CNN."""
        both = torch.cat(windows.chunk(2, dim=1))  # (2 M, C, h, w)
        maps = functional.adaptive_avg_pool2d(self.frame_encoder(both), self.grid)
        pairs = torch.cat(maps.flatten(1).chunk(2), dim=1)  # (M, 2 D grid^2)
        return torch.relu(self.projection(pairs))
