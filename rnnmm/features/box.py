"""What a tracker sees of a frame: the surroundings of where the object was last.

Boxes are ``(B, 4)``: left, top, width, height as fractions of the picture.
"""

import torch
from torch import Tensor
from torch.nn import functional


def crop_around(frames: Tensor, boxes: Tensor, size_px: int, context: float = 2.0) -> Tensor:
    """Cuts a window around each box and brings it to one size.

    Args:
        frames: ``(B, H, W, C)`` uint8.
        boxes: ``(B, 4)``.
        size_px: of the window afterwards, both ways.
        context: how many times as wide and high as the box the window is.

    Returns:
        ``(B, C, size_px, size_px)`` float32 in -1..1, bilinear; 0 outside the frame.
    """
    pictures = frames.permute(0, 3, 1, 2).float() / 127.5 - 1.0  # (B, C, H, W)
    middle = 2 * (boxes[:, :2] + boxes[:, 2:] / 2) - 1  # of a picture from -1 to 1
    theta = boxes.new_zeros(len(boxes), 2, 3)
    theta[:, 0, 0], theta[:, 1, 1] = context * boxes[:, 2], context * boxes[:, 3]
    theta[:, :, 2] = middle
    grid = functional.affine_grid(
        theta, [len(boxes), pictures.shape[1], size_px, size_px], align_corners=False
    )
    return functional.grid_sample(pictures, grid, align_corners=False)


def move_boxes(boxes: Tensor, moves: Tensor) -> Tensor:
    """Boxes after moves ``(B, 4)``: of the middle in widths and heights, of the log size."""
    size = boxes[:, 2:] * moves[:, 2:].exp()
    middle = boxes[:, :2] + boxes[:, 2:] / 2 + moves[:, :2] * boxes[:, 2:]
    return torch.cat([middle - size / 2, size], dim=1)


def moves_between(boxes: Tensor, later: Tensor) -> Tensor:
    """The moves ``(B, 4)`` by which `move_boxes` brings boxes to later ones."""
    drift = (later[:, :2] + later[:, 2:] / 2) - (boxes[:, :2] + boxes[:, 2:] / 2)
    return torch.cat([drift / boxes[:, 2:], (later[:, 2:] / boxes[:, 2:]).log()], dim=1)


def bounded(boxes: Tensor, smallest: float = 0.01) -> Tensor:
    """Boxes no smaller than a part of the picture and no larger than it, their middle inside."""
    size = boxes[:, 2:].clamp(smallest, 1.0)
    middle = (boxes[:, :2] + boxes[:, 2:] / 2).clamp(0.0, 1.0)
    return torch.cat([middle - size / 2, size], dim=1)
