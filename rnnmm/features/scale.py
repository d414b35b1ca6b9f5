"""Features on a fixed scale, above a fixed floor."""

from torch import Tensor

from rnnmm.features.stage import Pointwise


class Scale(Pointwise):
    """Shifts and divides all features by the same two numbers, known beforehand.

    Unlike `NormaliseUtterance` it keeps what is constant over an utterance, such as the spectrum
    of a voice, and needs no look at the whole.

    Args:
        centre: what becomes zero; -40 suits log-mel in dB.
        spread: what becomes one, > 0; 20 suits log-mel in dB.

    Raises:
        ValueError: ``spread`` is not positive.
    """

    def __init__(self, centre: float = -40.0, spread: float = 20.0) -> None:
        super().__init__()
        if spread <= 0:
            raise ValueError(f"Scale: expected spread > 0, got {spread:g}")
        self.centre = centre
        self.spread = spread

    def apply_steps(self, data: Tensor) -> Tensor:
        """``(B, T, ...)`` floating point -> the same shape, float32."""
        return (data.float() - self.centre) / self.spread


class Floor(Pointwise):
    """Raises everything below a level to it: what is quieter than any room says nothing.

    Without it the silence of a clean recording, 100 dB down, would take most of the range that
    `NormaliseUtterance` shares out.

    Args:
        level: of log-mel, dB below full scale.
    """

    def __init__(self, level: float = -50.0) -> None:
        super().__init__()
        self.level = level

    def apply_steps(self, data: Tensor) -> Tensor:
        """``(B, T, ...)`` floating point -> the same shape, float32."""
        return data.float().clamp(min=self.level)
