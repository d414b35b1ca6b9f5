"""Features without the level and the range of the recording."""

from torch import Tensor

from rnnmm.batch import Padded
from rnnmm.features.stage import Stage

# Below this a feature does not vary within the utterance: it is centred, not blown up.
_SMALLEST_DEVIATION = 1e-5


class NormaliseUtterance(Stage):
    """Gives every feature of every utterance the mean zero and, if wanted, the variance one.

    Looks at the whole utterance, so it is not for streaming. Taken over the valid steps alone; a
    feature that does not vary becomes zero.

    Args:
        variance: divide by the standard deviation (of the population) too.
    """

    def __init__(self, variance: bool = True) -> None:
        super().__init__()
        self.variance = variance

    def forward(self, x: Padded) -> Padded:
        """``(B, T, ...)`` floating point -> the same shape, float32."""
        count = x.lengths.clamp(min=1).to(x.data.device, non_blocking=True)
        count = count.reshape(-1, *[1] * (x.data.ndim - 1))  # (B, 1, ...)
        # Twice: the second mean takes away what rounding left of the first, so that the length
        # of the padding cannot be seen in the result.
        centred = _centred(_centred(x.with_data(x.data.float()).zeroed(), count), count)
        if not self.variance:
            return centred
        deviation = (centred.data.square().sum(1, keepdim=True) / count).sqrt()
        return centred.with_data(centred.data / deviation.clamp(min=_SMALLEST_DEVIATION))


def _centred(x: Padded, count: Tensor) -> Padded:
    return x.with_data(x.data - x.data.sum(dim=1, keepdim=True) / count).zeroed()
