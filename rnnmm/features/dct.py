"""Pictures as a few numbers each."""

from torch import Tensor

from rnnmm.domain import Size
from rnnmm.features.filterbank import dct_matrix
from rnnmm.features.stage import Pointwise


class PictureDct(Pointwise):
    """The coarse shapes of a grey picture: its orthonormal 2-D DCT-II, lowest frequencies alone.

    What cepstra are to sound: few numbers, hardly correlated, that say more per number than a
    small CNN can learn from few clips. Best of a part cut close, such as a mouth.

    Args:
        num_rows: vertical frequencies kept, 0 among them.
        num_columns: horizontal frequencies kept.

    Raises:
        ValueError: In ``forward``, the picture has fewer pixels than frequencies are wanted.

    Source: Potamianos et al. 2003, "Recent advances in the automatic recognition of audiovisual
        speech", section III.
    """

    def __init__(self, num_rows: Size = 8, num_columns: Size = 8) -> None:
        super().__init__()
        self.num_rows = num_rows
        self.num_columns = num_columns

    def apply_steps(self, data: Tensor) -> Tensor:
        """``(B, T, H, W, C)`` uint8 -> ``(B, T, num_rows num_columns)`` float32, row by row."""
        height, width = data.shape[2:4]
        if height < self.num_rows or width < self.num_columns:
            raise ValueError(
                f"PictureDct: expected pictures of at least {self.num_rows} x {self.num_columns} "
                f"pixels, got {height} x {width}"
            )
        down = dct_matrix(height, self.num_rows).to(data.device)  # (H, rows)
        across = dct_matrix(width, self.num_columns).to(data.device)  # (W, columns)
        grey = data.float().mean(4)  # (B, T, H, W)
        return (down.T @ grey @ across).flatten(2)

    def output_dim(self, input_dim: int) -> int:
        """The number of coefficients, whatever the channels."""
        return self.num_rows * self.num_columns
