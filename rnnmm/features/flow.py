"""Optical flow as pictures: where everything moves, beside how bright it is."""

from typing import Any, Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rnnmm.domain import Positive

Method = Literal["dis", "farneback"]

_STILL = 128  # the byte of no movement; 1..255 lie evenly about it
_REACH = 127
_SMALLEST_PX = 16  # of an edge, for a pyramid
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


class OpticalFlow(nn.Module):
    """Stored frames to pictures of their movement: right, down, and brightness as channels.

    Movement is from the frame before; the first frame of a clip has moved nowhere. A byte is
    128 for none and 1 or 255 for ``max_px`` or more to one side or the other; brightness is
    luma, unchanged. Colour is lost. So flow is kept as frames are, and moved, zoomed and cropped
    like them; a mirrored clip moves the other way (`HorizontalFlip(negate=[0])`), and
    `ColourJitter` has no meaning for it. Zooming does not change the length of a movement.

    It is no network but takes the place of one in a config's section ``embed``: computed once for
    each item of a store, on the CPU.

    Args:
        method: "dis" (Kroeger et al. 2016, dense inverse search) or "farneback" (2003).
        max_px: the longest movement between two frames that can be told, pixels as stored.
        preset: of "dis", how carefully.
    """

    def __init__(
        self,
        method: Method = "dis",
        max_px: Positive = 8.0,
        preset: Literal["ultrafast", "fast", "medium"] = "medium",
    ) -> None:
        super().__init__()
        self.method = method
        self.max_px = max_px
        self.preset = preset

    def forward(self, frames: Tensor) -> Tensor:
        """``(T, H, W, 3)`` uint8, RGB -> ``(T, H, W, 3)`` uint8, on the CPU.

        Raises:
            ValueError: The frames are smaller than 16 x 16.
        """
        return torch.from_numpy(self._pictures(frames.cpu().numpy()))

    def _pictures(self, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        height, width = frames.shape[1:3]
        if min(height, width) < _SMALLEST_PX:
            raise ValueError(
                f"flow: expected frames of at least {_SMALLEST_PX} x {_SMALLEST_PX}, got "
                f"{height} x {width}; set preprocess.decoding.height and width"
            )
        cv2.setNumThreads(1)
        pictures = np.full(frames.shape, _STILL, np.uint8)
        pictures[..., 2] = (frames @ _LUMA + 0.5).astype(np.uint8)
        finder = self._finder()
        for place in range(1, len(frames)):
            before, now = pictures[place - 1 : place + 1, :, :, 2].copy()
            pictures[place, ..., :2] = self._bytes(self._flow(finder, before, now))
        return pictures

    def _bytes(self, flow: NDArray[np.float32]) -> NDArray[np.uint8]:
        reach = np.clip(flow * (_REACH / self.max_px), -_REACH, _REACH)
        levels: NDArray[np.uint8] = np.rint(reach + _STILL).astype(np.uint8)
        return levels

    def _finder(self) -> Any:
        """A new one for each clip: it is to remember nothing of another."""
        preset = f"DISOPTICAL_FLOW_PRESET_{self.preset.upper()}"
        return cv2.DISOpticalFlow.create(getattr(cv2, preset)) if self.method == "dis" else None

    def _flow(
        self, finder: Any, before: NDArray[np.uint8], now: NDArray[np.uint8]
    ) -> NDArray[np.float32]:
        if finder is not None:
            return finder.calc(before, now, None)  # type: ignore[no-any-return]
        levels, window, iterations, neighbourhood, sigma = 3, 15, 3, 5, 1.2
        start: Any = None
        return cv2.calcOpticalFlowFarneback(  # type: ignore[return-value]
            before, now, start, 0.5, levels, window, iterations, neighbourhood, sigma, 0
        )
