"""Slopes of features over time."""

from typing import NamedTuple

import torch
from torch import Tensor

from rnnmm.batch import Padded
from rnnmm.features.stage import Stage, State, dense, joined


class DeltaState(NamedTuple):
    """frames: ``(B, s, F)``, what slopes still to come need on their left."""

    frames: Tensor


class Deltas(Stage):
    """Appends the slopes of the features, and the slopes of the slopes.

    ``d[t] = sum_k k (x[t + k] - x[t - k]) / (2 sum_k k^2)`` for k = 1..width, the least-squares
    slope over 2 width + 1 steps. Steps before the first and after the last stand for these two,
    so that a clip of one step has the slope zero.

    Args:
        order: >= 1, how often the slope is taken; each time of the result before.
        width: >= 1, steps to either side.

    Raises:
        ValueError: ``order`` or ``width`` is below one.

    Source: HTK book, section 5.9; ``librosa.feature.delta(width=2 * width + 1, mode="nearest")``
        applied ``order`` times.
    """

    def __init__(self, order: int = 2, width: int = 2) -> None:
        super().__init__()
        if order < 1 or width < 1:
            raise ValueError(f"Deltas: expected order and width >= 1, got {order} and {width}")
        self.order = order
        self.width = width

    def forward(self, x: Padded) -> Padded:
        """``(B, T, F)`` floating point -> ``(B, T, F (order + 1))`` float32, slopes last."""
        levels = [x.data.float()]
        steps = self._steps(x).to(x.data.device, non_blocking=True)
        for _ in range(self.order):
            levels.append(self._slope(levels[-1], steps))
        return x.with_data(torch.cat(levels, dim=-1)).zeroed()

    def output_dim(self, input_dim: int) -> int:
        """The features and their slopes of each order."""
        return input_dim * (self.order + 1)

    def initial_state(self, batch_size: int) -> State:
        """No step seen."""
        return DeltaState(torch.zeros(batch_size, 0))

    def step(self, x: Tensor, state: State, final: bool = False) -> tuple[Tensor, State]:
        """As `Stage.step`; ``(B, t, F)`` -> ``(B, u, F (order + 1))``."""
        reach = self.order * self.width  # steps to either side that a slope depends on
        done = max(0, state[0].shape[1] - reach)  # the outputs of the steps before, still here
        frames = joined(state[0], x.float())
        num_steps = frames.shape[1]
        slopes = self(dense(frames)).data
        end = num_steps if final else max(0, num_steps - reach)
        return slopes[:, done:end], DeltaState(frames[:, -2 * reach :])

    def _steps(self, x: Padded) -> Tensor:
        """Which step stands at -width..T+width-1, its ends repeated: ``(B, T + 2 width)``."""
        steps = torch.arange(-self.width, x.data.shape[1] + self.width)
        last = (x.lengths - 1).clamp(min=0)[:, None]
        return steps.clamp(min=0).minimum(last)

    def _slope(self, level: Tensor, steps: Tensor) -> Tensor:
        if not level.shape[1]:  # a clip too short for a frame has no first step to repeat
            return level
        rows = torch.arange(len(level), device=level.device)[:, None]
        extended = level[rows, steps]  # (B, T + 2 width, F)
        num_steps = level.shape[1]
        slope = torch.zeros_like(level)
        for k in range(1, self.width + 1):
            later = extended[:, self.width + k :][:, :num_steps]
            earlier = extended[:, self.width - k :][:, :num_steps]
            slope = slope + k * (later - earlier)
        return slope / (2 * sum(k * k for k in range(1, self.width + 1)))
