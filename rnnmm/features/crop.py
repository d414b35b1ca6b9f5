"""The part of a picture that matters, cut out of the stored frames."""

import torch
from torch import Tensor

from rnnmm.batch import Padded
from rnnmm.domain import Fraction, Size
from rnnmm.features.stage import Stage

# Of the pixels of the region, those that change least: noise of the camera, not movement.
_STILL = 0.8


class MotionCrop(Stage):
    """Cuts a window of fixed size out of each clip, about the centre of what moves.

    Where a camera looks at one speaker, most of what moves in the lower half of the face are the
    lips; they are found without any model of a face. One window is chosen for all frames of a
    clip, and it lies within the picture; nothing is resized. A clip in which nothing moves gives
    the middle of the region.

    Args:
        height: of the window, pixels.
        width: of the window, pixels.
        top: 0..1, upper edge of the region that is looked at, as a fraction of the picture.
        bottom: its lower edge.
        left: its left edge.
        right: its right edge.

    Raises:
        ValueError: The region is empty; in ``forward``, the window is larger than the picture.
    """

    def __init__(
        self,
        height: Size,
        width: Size,
        top: Fraction = 0.5,
        bottom: Fraction = 1.0,
        left: Fraction = 0.0,
        right: Fraction = 1.0,
    ) -> None:
        super().__init__()
        if not (0 <= top < bottom <= 1 and 0 <= left < right <= 1):
            raise ValueError(
                f"MotionCrop: expected 0 <= top < bottom <= 1 and 0 <= left < right <= 1, got "
                f"{top:g}, {bottom:g}, {left:g}, {right:g}"
            )
        self.size = (height, width)
        self.region = ((top, bottom), (left, right))

    def forward(self, x: Padded) -> Padded:
        """``(B, T, H, W, C)`` uint8 -> ``(B, T, height, width, C)`` uint8."""
        batch, num_steps, rows, columns, channels = x.data.shape
        height, width = self.size
        if height > rows or width > columns:
            raise ValueError(
                f"MotionCrop: expected a window within the picture of {rows} x {columns}, got "
                f"{height} x {width}"
            )
        cropped = x.data.new_zeros(batch, num_steps, height, width, channels)
        for to, clip in zip(cropped, x.rows()):
            down, across = self._places(clip)
            to[: len(clip)] = clip[:, down[:, None], across]
        return x.with_data(cropped)

    def _places(self, clip: Tensor) -> list[Tensor]:
        """Which rows ``(height,)`` and columns ``(width,)`` of ``(T, H, W, C)`` are shown."""
        sizes = clip.shape[1:3]
        region = [
            slice(int(first * size), max(int(first * size) + 1, int(last * size)))
            for (first, last), size in zip(self.region, sizes)
        ]
        motion = _motion(clip[:, region[0], region[1]])
        centres = [_centre(motion.sum(1 - axis)) + part.start for axis, part in enumerate(region)]
        return [
            (centre - window / 2 + 0.5).floor().clamp(0, size - window).long()
            + torch.arange(window, device=clip.device)
            for centre, window, size in zip(centres, self.size, sizes)
        ]


def _motion(clip: Tensor) -> Tensor:
    """``(T, h, w, C)`` -> ``(h, w)``: how much each pixel changes, above what most do."""
    grey = clip.float().mean(3)  # (T, h, w)
    change = (grey[1:] - grey[:-1]).abs().sum(0)
    still = change.flatten().sort().values[int(_STILL * change.numel())]
    return (change - still).clamp(min=0)


def _centre(mass: Tensor) -> Tensor:
    """The centre of ``(n,)`` masses in 0..n, a scalar; its middle where there is none."""
    places = torch.arange(len(mass), device=mass.device) + 0.5
    total = mass.sum()
    centre = (mass * places).sum() / total.clamp(min=1e-6)
    return torch.where(total > 0, centre, len(mass) / 2)
