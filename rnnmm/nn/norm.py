"""Batch norm that counts real steps alone."""

from torch import Tensor, nn
from torch.nn import functional

from rnnmm.batch import Padded


class RowNorm(nn.BatchNorm1d):
    """Batch norm over rows that are all real; a single row is normed as in evaluation."""

    def forward(self, input: Tensor) -> Tensor:
        """``(M, D)`` or ``(M, D, F)`` -> the same."""
        if len(input) > 1:
            return super().forward(input)
        return functional.batch_norm(
            input, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
        )


class MapNorm(nn.BatchNorm2d):
    """Batch norm over pictures' maps; a single cell of a single picture as in evaluation."""

    def forward(self, input: Tensor) -> Tensor:
        """``(M, D, h, w)`` -> the same."""
        if input.numel() > input.shape[1]:
            return super().forward(input)
        return functional.batch_norm(
            input, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
        )


class StepNorm(nn.Module):
    """Batch norm over the valid steps of all sequences.

    In training a step sees the statistics of its batch, of which padding is no part; in
    evaluation those of the training, so that no answer depends on its neighbours.

    Args:
        num_channels: D.
    """

    def __init__(self, num_channels: int) -> None:
        super().__init__()
        self.norm = RowNorm(num_channels)

    def forward(self, x: Padded) -> Padded:
        """``(B, T, D)`` or ``(B, T, D, F)`` -> the same, zeros as padding."""
        if x.is_dense:
            return x.with_data(self.norm(x.data.flatten(0, 1)).reshape(x.data.shape))
        return scatter_steps(self.norm(x.data[x.mask]), x)


def scatter_steps(valid: Tensor, like: Padded) -> Padded:
    """Puts rows ``(M, ...)``, one per valid step, back on the padded grid of ``like``."""
    grid = valid.new_zeros(*like.data.shape[:2], *valid.shape[1:])  # (B, T, ...)
    mask = like.mask.reshape(*like.mask.shape, *[1] * (grid.ndim - 2))
    return like.with_data(grid.masked_scatter(mask.expand_as(grid), valid))
