"""Dropout whose coins are bytes: on a CPU, torch draws a double for each element."""

from typing import Literal

import torch
from torch import Tensor, nn

_FACES = 256

Mask = Literal["step", "sequence"]
"""Whether each step of a sequence is dropped from anew, or all alike."""


class Dropout(nn.Module):
    """Zeroes each element with a probability in training, and scales up the others.

    On a CPU the probability is rounded to whole 256ths, and the scale goes with it; drawing takes
    a tenth of the time of ``nn.Dropout``. Elsewhere it is torch's.

    Args:
        probability: 0 <= p < 1, of an element to become zero.
        mask: "step" for every element of its own; "sequence" for every number of a sequence
            ``(B, T, ...)``, which then is zero at all its steps or at none.

    Source: Srivastava et al. 2014, JMLR 15; one mask a sequence: Gal & Ghahramani 2016, arXiv
        1512.05287.
    """

    def __init__(self, probability: float = 0.0, mask: Mask = "step") -> None:
        super().__init__()
        self.probability = probability
        self.mask = mask

    def forward(self, x: Tensor) -> Tensor:
        """``(...)`` floating point -> the same shape; ``(B, T, ...)`` for one mask a sequence."""
        if not self.training or not self.probability:
            return x
        if self.mask == "sequence":
            return x * self._drop(torch.ones_like(x[:, :1]))  # (B, 1, ...)
        return self._drop(x)

    def _drop(self, x: Tensor) -> Tensor:
        if x.device.type != "cpu":
            return nn.functional.dropout(x, self.probability)
        zeroed = min(round(self.probability * _FACES), _FACES - 1)
        words = torch.empty((x.numel() + 3) // 4, dtype=torch.int32)
        # All four bytes of a word are uniform if its 32 bits are.
        words.random_(-(2**31), 2**31)
        coins = words.view(torch.uint8)[: x.numel()].reshape(x.shape)
        return x * (coins >= zeroed).to(x.dtype).mul_(_FACES / (_FACES - zeroed))

    def extra_repr(self) -> str:
        """The probability and the mask."""
        return f"probability={self.probability:g}, mask={self.mask}"
