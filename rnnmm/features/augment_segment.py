"""A random stretch of each sound, so that training hears other words of a voice each time."""

import torch

from rnnmm.batch import Padded
from rnnmm.domain import Positive, Size
from rnnmm.features.draw import check_range, draw
from rnnmm.features.stage import Augmentation
from rnnmm.units import seconds_to_samples

_LONGEST_S = 3600.0


class Segment(Augmentation):
    """Keeps a stretch of each utterance, of random length and at a random place.

    An utterance that is shorter is kept whole.

    Args:
        sample_rate: Hz, of the PCM.
        low_s: the shortest stretch, seconds.
        high_s: the longest.

    Raises:
        ValueError: Not ``0 < low_s <= high_s <= 3600``.
    """

    def __init__(self, sample_rate: Size, low_s: Positive = 2.0, high_s: Positive = 4.0) -> None:
        super().__init__()
        check_range("Segment", low_s, high_s, 1 / sample_rate, _LONGEST_S)
        self.low = seconds_to_samples(low_s, sample_rate)
        self.high = seconds_to_samples(high_s, sample_rate)

    def forward(self, x: Padded, generator: torch.Generator) -> Padded:
        """``(B, N)`` PCM -> ``(B, N')`` of the same type, N' <= N."""
        wanted = draw(generator, len(x.data), self.low, self.high + 1).long()
        lengths = wanted.minimum(x.lengths)
        starts = (draw(generator, len(x.data), 0, 1) * (x.lengths - lengths + 1)).long()
        ends = (starts + lengths).tolist()
        return Padded.stack([
            row[start:end] for row, start, end in zip(x.data, starts.tolist(), ends)
        ])  # fmt: skip
