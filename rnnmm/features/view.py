"""Several looks at each item in testing: clips along its time, crops of its pictures.

What a model makes of them is averaged by the task. Nothing is drawn.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from rnnmm.batch import AudioVisual, Padded
from rnnmm.features.frames import resize_frames
from rnnmm.units import round_half_up

_CROP_SIDE = 7 / 8  # 224 of 256 pixels, as usual
_MIDDLE = 0.5


@dataclass(frozen=True, slots=True)
class View:
    """One look at every item of a batch.

    Args:
        clip_steps: of the clip, at most; None: the whole item.
        place: 0..1, of the clip in what an item has more: 0 its start, 0.5 its middle.
        crop: 0..1, where along the longer side of the picture the crop lies, centred along the
            other; None: no crop.
    """

    clip_steps: int | None = None
    place: float = _MIDDLE
    crop: float | None = None

    def of(self, x: Padded) -> Padded:
        """What is seen of raw inputs.

        Args:
            x: ``(B, T, ...)``; stored frames ``(B, T, H, W, C)`` uint8 where there is a crop.

        Returns:
            ``(B, T', ...)``, T' at most ``clip_steps``; a crop, 7/8 of height and width, comes in
            the size of the whole. ``x`` itself where nothing is cut.

        Raises:
            ValueError: ``x`` is sound beside pictures, or a crop of no pictures.
        """
        if self.clip_steps is None and self.crop is None:
            return x
        if isinstance(x, AudioVisual):
            raise ValueError(
                "views: expected sound or pictures alone, got both; set task.target.num_clips=1 "
                "and task.target.num_crops=1"
            )
        return Padded.stack([self._cropped(self._clip(row)) for row in x.rows()])

    def _clip(self, row: Tensor) -> Tensor:
        if self.clip_steps is None:
            return row
        room = max(0, len(row) - self.clip_steps)
        start = round_half_up(self.place * room)
        return row[start : start + self.clip_steps]

    def _cropped(self, clip: Tensor) -> Tensor:
        if self.crop is None:
            return clip
        if clip.ndim != 4:
            raise ValueError(
                f"views: expected stored frames (T, H, W, C) to crop, got {tuple(clip.shape)}; "
                f"set task.target.num_crops=1"
            )
        height, width = clip.shape[1:3]
        size = [max(1, round_half_up(_CROP_SIDE * side)) for side in (height, width)]
        places = (_MIDDLE, self.crop) if width >= height else (self.crop, _MIDDLE)
        top, left = (
            round_half_up(place * (side - part))
            for place, side, part in zip(places, (height, width), size)
        )
        return resize_frames(clip[:, top : top + size[0], left : left + size[1]], height, width)


def make_views(num_clips: int, clip_steps: int | None, num_crops: Literal[1, 3]) -> Iterator[View]:
    """Clips from the first to the last that an item has room for, and of each its crops.

    One clip lies in the middle; one crop is the whole picture, three are its left, centre and
    right (top, centre and bottom of a picture that is higher than wide), none mirrored.

    Args:
        num_clips: >= 1.
        clip_steps: of each, at most; None: the whole item, of which one clip alone can be told.
        num_crops: 1 or 3.

    Raises:
        ValueError: Several clips of no length.
    """
    if num_clips > 1 and clip_steps is None:
        raise ValueError(
            f"views: expected to know how long {num_clips} clips are, got no clip_steps; give "
            f"task.target.clip_steps=N steps of the raw input, such as 32 frames"
        )
    places = [_MIDDLE] if num_clips == 1 else [i / (num_clips - 1) for i in range(num_clips)]
    crops = [None] if num_crops == 1 else [0.0, 0.5, 1.0]
    return (View(clip_steps, place, crop) for place in places for crop in crops)
