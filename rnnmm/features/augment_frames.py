"""Random movements of video frames as stored, ``(B, T, H, W, C)`` uint8.

What is drawn for a clip holds for all its frames, so that nothing moves that did not move before.
Those of colour are in `augment_colour`.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from rnnmm.batch import Padded
from rnnmm.features.draw import FASTEST, SLOWEST, check_range, draw, scaled_length
from rnnmm.features.frames import resize_frames
from rnnmm.features.stage import Augmentation
from rnnmm.units import round_half_up

Fill = Literal["edge", "zero"]


class FrameShift(Augmentation):
    """Moves the picture by a random whole number of pixels, across and down.

    Args:
        max_fraction: 0..0.5, the longest way, as a fraction of the width and of the height.
        fill: what appears at the rim: the "edge" pixels repeated, or "zero", black.

    Raises:
        ValueError: ``max_fraction`` is not within 0..0.5; another fill.
    """

    def __init__(self, max_fraction: float = 0.1, fill: Fill = "edge") -> None:
        super().__init__()
        if not 0 <= max_fraction <= 0.5:
            raise ValueError(
                f"FrameShift: expected 0 <= max_fraction <= 0.5, got {max_fraction:g}"
            )
        _check_fill("FrameShift", fill)
        self.max_fraction = max_fraction
        self.fill: Fill = fill

    def forward(self, x: Padded, generator: torch.Generator) -> Padded:
        """``(B, T, H, W, C)`` uint8 -> the same shape."""
        batch, _, height, width, _ = x.data.shape
        chance = 2 * torch.rand(batch, 2, generator=generator, dtype=torch.float64) - 1  # -1..1
        size = torch.tensor([height, width])
        ways = (chance * self.max_fraction * size + 0.5).floor().long()  # (B, 2), down and right
        moved = torch.zeros_like(x.data)
        for to, clip, (down, right) in zip(moved, x.rows(), ways.tolist()):
            _place(clip, to[: len(clip)], down, right, self.fill)
        return x.with_data(moved)


class HorizontalFlip(Augmentation):
    """Mirrors some clips. Not for classes that differ in direction, nor for pictures with text.

    Args:
        probability: 0..1, of a clip being mirrored.
        negate: channels that hold movement to the right, as `rnnmm.features.flow` writes it
            (128 for none): in the mirror it goes left.

    Raises:
        ValueError: ``probability`` is not within 0..1.
    """

    def __init__(self, probability: float, negate: Sequence[int] = ()) -> None:
        super().__init__()
        if not 0 <= probability <= 1:
            raise ValueError(
                f"HorizontalFlip: expected 0 <= probability <= 1, got {probability:g}"
            )
        self.probability = probability
        self.negate = list(negate)

    def forward(self, x: Padded, generator: torch.Generator) -> Padded:
        """``(B, T, H, W, C)`` uint8 -> the same shape."""
        chance = draw(generator, len(x.data), 0.0, 1.0).tolist()
        pairs = zip(chance, x.rows())
        return Padded.stack([
            self._mirrored(clip) if p < self.probability else clip for p, clip in pairs
        ])  # fmt: skip

    def _mirrored(self, clip: Tensor) -> Tensor:
        mirrored = clip.flip(2)  # a copy
        for channel in self.negate:
            # 256 - byte, in bytes; 0, which is no movement of any length, stays.
            mirrored[..., channel] = -mirrored[..., channel]
        return mirrored


class Zoom(Augmentation):
    """Enlarges the picture about its centre, or makes it smaller, by bilinear interpolation.

    Args:
        low: 0.5..2, the smallest factor; below 1 a rim appears.
        high: low..2, the largest; above 1 the rim is cut off.
        fill: what appears at the rim: the "edge" pixels repeated, or "zero", black.

    Raises:
        ValueError: Not ``0.5 <= low <= high <= 2``; another fill.
    """

    def __init__(self, low: float = 0.9, high: float = 1.1, fill: Fill = "edge") -> None:
        super().__init__()
        check_range("Zoom", low, high, 0.5, 2.0)
        _check_fill("Zoom", fill)
        self.low = low
        self.high = high
        self.fill: Fill = fill

    def forward(self, x: Padded, generator: torch.Generator) -> Padded:
        """``(B, T, H, W, C)`` uint8 -> the same shape."""
        factors = draw(generator, len(x.data), self.low, self.high).tolist()
        zoomed = torch.zeros_like(x.data)
        for to, clip, factor in zip(zoomed, x.rows(), factors):
            self._zoom(clip, to[: len(clip)], factor)
        return x.with_data(zoomed)

    def _zoom(self, clip: Tensor, to: Tensor, factor: float) -> None:
        height, width = to.shape[1:3]
        if factor > 1:  # only what will be seen is resized
            part_height, part_width = (max(1, round_half_up(n / factor)) for n in (height, width))
            top, left = (height - part_height) // 2, (width - part_width) // 2
            part = clip[:, top : top + part_height, left : left + part_width]
            to.copy_(resize_frames(part, height, width))
            return
        small = [max(1, round_half_up(n * factor)) for n in (height, width)]
        top, left = (height - small[0]) // 2, (width - small[1]) // 2
        _place(resize_frames(clip, *small), to, top, left, self.fill)


class TemporalJitter(Augmentation):
    """Plays each clip faster or slower, by leaving frames out or showing some twice.

    Every clip gets a rate of its own and a new length, ``T / rate``.

    Args:
        low: 0.5..2, the slowest rate.
        high: low..2, the fastest.

    Raises:
        ValueError: Not ``0.5 <= low <= high <= 2``.
    """

    def __init__(self, low: float = 0.8, high: float = 1.25) -> None:
        super().__init__()
        check_range("TemporalJitter", low, high, SLOWEST, FASTEST)
        self.low = low
        self.high = high

    def forward(self, x: Padded, generator: torch.Generator) -> Padded:
        """``(B, T, ...)`` of any type -> ``(B, T', ...)``."""
        rates = draw(generator, len(x.data), self.low, self.high).tolist()
        return Padded.stack([_at_rate(clip, rate) for clip, rate in zip(x.rows(), rates)])


def _at_rate(clip: Tensor, rate: float) -> Tensor:
    length = scaled_length(len(clip), rate)
    # The old frame at the centre of each new one; in integers, so that it is exact.
    steps = (2 * torch.arange(length) + 1) * len(clip) // (2 * max(length, 1))
    return clip[steps.to(clip.device, non_blocking=True)]


def _check_fill(name: str, fill: str) -> None:
    if fill not in ("edge", "zero"):
        raise ValueError(f"{name}: expected fill edge or zero, got {fill!r}")


def _place(frames: Tensor, to: Tensor, top: int, left: int, fill: Fill) -> None:
    """Puts ``(T, h, w, C)`` into ``(T, H, W, C)`` with its corner there, and fills the rim.

    The two must overlap; what lies outside is cut off.
    """
    rows, from_rows = _overlap(top, frames.shape[1], to.shape[1])
    columns, from_columns = _overlap(left, frames.shape[2], to.shape[2])
    to[:, rows, columns] = frames[:, from_rows, from_columns]
    if fill == "edge":
        to[:, : rows.start] = to[:, rows.start : rows.start + 1]
        to[:, rows.stop :] = to[:, rows.stop - 1 : rows.stop]
        to[:, :, : columns.start] = to[:, :, columns.start : columns.start + 1]
        to[:, :, columns.stop :] = to[:, :, columns.stop - 1 : columns.stop]


def _overlap(start: int, size: int, room: int) -> tuple[slice, slice]:
    """Where ``size`` places beginning at ``start`` meet 0..room: there, and in themselves."""
    first, stop = max(0, start), min(room, start + size)
    return slice(first, stop), slice(first - start, stop - start)
