"""How often a model that writes reads its own words in training, instead of the true ones."""

import math
from dataclasses import dataclass
from typing import Literal

from rnnmm.domain import Fraction, Positive


@dataclass(frozen=True)
class ScheduledSampling:
    """From never, at the beginning of training, to ``last`` at its end.

    Args:
        last: how often at the end.
        shape: of the way there; "inverse_sigmoid" stays low, rises in the middle, and levels off.
        steepness: of the inverse sigmoid.

    Source:
        Bengio et al. 2015, arXiv 1506.03099, section 2.4; over the part of the training that is
        done instead of over steps.
    """

    last: Fraction = 0.25
    shape: Literal["linear", "inverse_sigmoid"] = "linear"
    steepness: Positive = 10.0

    def rate_at(self, progress: float) -> float:
        """0..``last``, when this fraction of the training, in [0, 1], is done."""
        if self.shape == "linear":
            return self.last * progress
        low, here, high = (
            1 / (1 + math.exp(-self.steepness * (at - 0.5))) for at in (0.0, progress, 1.0)
        )
        return self.last * (here - low) / (high - low)
