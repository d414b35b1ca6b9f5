"""Random changes of the colours of video frames as stored, ``(B, T, H, W, C)`` uint8."""

import torch
from torch import Tensor

from rnnmm.batch import Padded
from rnnmm.features.stage import Augmentation

_LUMA = {1: (1.0,), 3: (0.299, 0.587, 0.114)}  # of grey; of red, green and blue (ITU-R BT.601)
_MID_GREY = 127.5


class ColourJitter(Augmentation):
    """Changes brightness, contrast and saturation, in this order, each by a random factor.

    A factor is drawn from 1 - a..1 + a, one for all frames of a clip. Contrast turns about
    mid-grey (127.5), saturation about each pixel's luma; frames of one channel have none. Results
    are rounded and kept within 0..255.

    Args:
        brightness, contrast, saturation: 0..1, the ``a`` of each.

    Raises:
        ValueError: One of them is not within 0..1; in ``forward``, the frames have neither one
            channel nor three.
    """

    def __init__(
        self, brightness: float = 0.2, contrast: float = 0.2, saturation: float = 0.2
    ) -> None:
        super().__init__()
        self.amounts = (brightness, contrast, saturation)
        if not all(0 <= amount <= 1 for amount in self.amounts):
            raise ValueError(f"ColourJitter: expected amounts within 0..1, got {self.amounts}")

    def forward(self, x: Padded, generator: torch.Generator) -> Padded:
        """``(B, T, H, W, C)`` uint8 -> the same shape."""
        channels = x.data.shape[-1]
        if channels not in _LUMA:
            raise ValueError(f"ColourJitter: expected frames of 1 or 3 channels, got {channels}")
        chance = 2 * torch.rand(len(x.data), 3, generator=generator) - 1  # -1..1
        factors = 1 + chance * torch.tensor(self.amounts)
        luma = torch.tensor(_LUMA[channels]).to(x.data.device, non_blocking=True)
        jittered = torch.zeros_like(x.data)
        for to, clip, (brightness, contrast, saturation) in zip(
            jittered, x.rows(), factors.tolist()
        ):
            offset = _MID_GREY * (1 - contrast)
            to[: len(clip)] = _recoloured(clip, luma, brightness * contrast, saturation, offset)
        return x.with_data(jittered)


def _recoloured(
    clip: Tensor, luma: Tensor, gain: float, saturation: float, offset: float
) -> Tensor:
    """``gain (saturation x + (1 - saturation) luma(x)) + offset``, rounded, within 0..255."""
    levels = clip.float()
    with torch.autocast(clip.device.type, enabled=False):
        grey = (levels @ luma)[..., None]  # (T, H, W, 1)
    mixed = levels * (gain * saturation) + (grey * (gain * (1 - saturation)) + (offset + 0.5))
    return mixed.clamp(0, 255).byte()
