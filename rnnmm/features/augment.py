"""Random changes of feature frames ``(B, T, F)``; those of sound are in `augment_audio`."""

import math
from typing import Literal

import torch
from torch import Tensor

from rnnmm.batch import Padded
from rnnmm.domain import Size
from rnnmm.features.draw import FASTEST, SLOWEST, check_range, draw, scaled_length
from rnnmm.features.stage import Augmentation
from rnnmm.units import round_half_up


class SpecAugment(Augmentation):
    """Hides random bands of time and of frequency.

    Each mask has a random width, from nothing to its maximum, and a random place; masks may
    overlap. A band covers the same frequencies over the whole utterance.

    Args:
        num_time_masks: >= 0, per utterance.
        max_time_mask: frames, the widest time mask.
        max_time_fraction: 0..1, the widest time mask as a fraction of the utterance.
        num_freq_masks: >= 0, per utterance.
        max_freq_mask: features, the widest frequency mask; fewer than there are.
        fill: what is put there; "zero" (the mean, of normalised features), or the "mean" of each
            feature over the utterance.

    Raises:
        ValueError: A count or a width is negative, or the fraction is not within 0..1; in
            ``forward``, a frequency mask could hide every feature.

    Source: Park et al. 2019, "SpecAugment", arXiv 1904.08779, without its time warping (see
        `TimeStretch`); the limit by a fraction is that of Park et al. 2020, arXiv 1912.05533.
    """

    def __init__(
        self,
        num_time_masks: int = 2,
        max_time_mask: int = 40,
        max_time_fraction: float = 0.15,
        num_freq_masks: int = 2,
        max_freq_mask: int = 15,
        fill: Literal["zero", "mean"] = "zero",
    ) -> None:
        super().__init__()
        counts = (num_time_masks, max_time_mask, num_freq_masks, max_freq_mask)
        if min(counts) < 0 or not 0 <= max_time_fraction <= 1:
            raise ValueError(
                "SpecAugment: expected counts and widths >= 0 and a fraction within 0..1, got "
                f"{counts} and {max_time_fraction}"
            )
        if fill not in ("zero", "mean"):
            raise ValueError(f"SpecAugment: expected fill zero or mean, got {fill!r}")
        self.num_time_masks = num_time_masks
        self.max_time_mask = max_time_mask
        self.max_time_fraction = max_time_fraction
        self.num_freq_masks = num_freq_masks
        self.max_freq_mask = max_freq_mask
        self.fill = fill

    def forward(self, x: Padded, generator: torch.Generator) -> Padded:
        """``(B, T, F)`` floating point -> the same shape, float32."""
        batch, num_steps, num_features = x.data.shape
        if self.num_freq_masks and self.max_freq_mask >= num_features:
            raise ValueError(
                f"SpecAugment: expected max_freq_mask below the {num_features} features, got "
                f"{self.max_freq_mask}"
            )
        num_masks = self.num_time_masks + self.num_freq_masks
        chance = torch.rand(batch, num_masks, 2, generator=generator, dtype=torch.float64)
        in_time, in_freq = chance[:, : self.num_time_masks], chance[:, self.num_time_masks :]
        widest = (x.lengths * self.max_time_fraction).long().clamp(max=self.max_time_mask)
        time = _hidden(in_time, widest, x.lengths, num_steps)  # (B, T)
        sizes = torch.full((batch,), num_features)
        widest = torch.full((batch,), self.max_freq_mask)
        freq = _hidden(in_freq, widest, sizes, num_features)  # (B, F)
        hidden = (time[:, :, None] | freq[:, None, :]).to(x.data.device, non_blocking=True)
        x = x.with_data(x.data.float()).zeroed()
        return x.with_data(torch.where(hidden, self._filling(x), x.data)).zeroed()

    def _filling(self, x: Padded) -> Tensor:
        if self.fill == "zero":
            return x.data.new_zeros(())
        count = x.lengths.clamp(min=1).to(x.data.device, non_blocking=True)
        return x.data.sum(dim=1, keepdim=True) / count[:, None, None]  # (B, 1, F)


class Views(Augmentation):
    """Shows the whole batch several times over, so that what follows is drawn anew for each.

    Rows ``[0, B)`` are the first view, ``[B, 2 B)`` the second, and so on, on one time grid: a
    loss may ask that a model give the same answer to all of them.

    Args:
        count: >= 1, views of each sequence.

    Raises:
        ValueError: ``count`` is less than 1.
    """

    def __init__(self, count: int = 2) -> None:
        super().__init__()
        if count < 1:
            raise ValueError(f"Views: expected a count >= 1, got {count}")
        self.count = count

    def forward(self, x: Padded, generator: torch.Generator) -> Padded:
        """``(B, T, ...)`` -> ``(count B, T, ...)``; draws nothing."""
        trailing = [1] * (x.data.ndim - 1)
        return Padded(x.data.repeat(self.count, *trailing), x.lengths.repeat(self.count))


class TimeStretch(Augmentation):
    """Plays features faster or slower, by linear interpolation between frames.

    The pitch stays, unlike that of `rnnmm.features.augment_audio.Speed`. Every utterance gets a
    rate of its own and a new length, ``length / rate``. A rate above 1 leaves fewer frames for
    the transcript: CTC needs at least one per symbol after the encoder's stride.

    Args:
        low: 0.5..2, the slowest rate.
        high: low..2, the fastest.

    Raises:
        ValueError: Not ``0.5 <= low <= high <= 2``.
    """

    def __init__(self, low: float = 0.9, high: float = 1.1) -> None:
        super().__init__()
        check_range("TimeStretch", low, high, SLOWEST, FASTEST)
        self.low = low
        self.high = high

    def forward(self, x: Padded, generator: torch.Generator) -> Padded:
        """``(B, T, ...)`` floating point -> ``(B, T', ...)`` float32."""
        rates = draw(generator, len(x.data), self.low, self.high).tolist()
        lengths = [scaled_length(n, rate) for n, rate in zip(x.lengths.tolist(), rates)]
        new = torch.tensor(lengths, dtype=torch.int64)
        # The centres of the new frames, evenly over the span of the old ones.
        steps = torch.arange(max(lengths, default=0), dtype=torch.float64)
        ratio = x.lengths.double() / new.clamp(min=1)
        places = (steps + 0.5) * ratio[:, None] - 0.5  # (B, T')
        stretched = _read(x.data.float(), places, x.lengths)
        return Padded(stretched, new).zeroed()


class TimeWarp(Augmentation):
    """Plays features faster here and slower there, by linear interpolation between frames.

    What is said one way by few speakers, a long breath behind a /t/ or a short vowel, gets other
    lengths within one word. `TimeStretch` changes the length of the whole.

    Every utterance gets a rate of its own at every `spacing` frames, independent of the next, and
    between those the rate moves from one to the other. Its new length is what comes of that.

    Args:
        low: 0.5..2, the slowest rate.
        high: low..2, the fastest. Rates are drawn evenly on a logarithmic scale.
        spacing: frames from one drawn rate to the next.

    Raises:
        ValueError: Not ``0.5 <= low <= high <= 2``.
    """

    def __init__(self, low: float = 0.5, high: float = 2.0, spacing: Size = 8) -> None:
        super().__init__()
        check_range("TimeWarp", low, high, SLOWEST, FASTEST)
        self.low = low
        self.high = high
        self.spacing = spacing

    def forward(self, x: Padded, generator: torch.Generator) -> Padded:
        """``(B, T, ...)`` floating point -> ``(B, T', ...)`` float32."""
        if not len(x.lengths):
            return x.with_data(x.data.float())
        # One draw for each, so that what a row gets does not hang on how long the others are.
        seeds = torch.randint(2**62, (len(x.lengths),), generator=generator).tolist()
        rows = [self._places(n, seed) for n, seed in zip(x.lengths.tolist(), seeds)]
        places = Padded.stack(rows)  # (B, T')
        return Padded(_read(x.data.float(), places.data, x.lengths), places.lengths).zeroed()

    def _places(self, length: int, seed: int) -> Tensor:
        """``(T',)`` float64: where among the old frames each new one is read."""
        generator = torch.Generator().manual_seed(seed)
        low, high = math.log(self.low), math.log(self.high)
        drawn = draw(generator, length // self.spacing + 2, low, high)
        knots = torch.arange(length, dtype=torch.float64) / self.spacing
        left = knots.long()
        rates = torch.lerp(drawn[left], drawn[left + 1], knots - left).exp()
        ends = torch.cat([torch.zeros(1, dtype=torch.float64), (1 / rates).cumsum(0)])
        new = max(min(length, 1), round_half_up(float(ends[-1])))
        # The centres of the new frames, evenly over the time that the old ones now take.
        centres = (torch.arange(new, dtype=torch.float64) + 0.5) * (ends[-1] / max(new, 1))
        inside = torch.searchsorted(ends, centres, right=True).clamp(max=length) - 1
        return inside + (centres - ends[inside]) * rates[inside] - 0.5


class FrequencyWarp(Augmentation):
    """Stretches the frequency axis, as a longer or shorter vocal tract does.

    Feature f of the output is read at ``f * factor`` by linear interpolation, beyond the last at
    the last; the factor is one for the whole utterance. Made for mel bands, with no meaning for
    cepstral coefficients.

    Args:
        low: 0.5..2, the smallest factor; below 1 the formants move up.
        high: low..2, the largest factor.

    Raises:
        ValueError: Not ``0.5 <= low <= high <= 2``.

    Source: Jaitly and Hinton 2013, "Vocal tract length perturbation improves speech recognition",
        with the warp on the mel axis instead of the linear one.
    """

    def __init__(self, low: float = 0.9, high: float = 1.1) -> None:
        super().__init__()
        check_range("FrequencyWarp", low, high, SLOWEST, FASTEST)
        self.low = low
        self.high = high

    def forward(self, x: Padded, generator: torch.Generator) -> Padded:
        """``(B, T, F)`` floating point -> the same shape, float32."""
        batch, _, num_features = x.data.shape
        factors = draw(generator, batch, self.low, self.high)
        places = torch.arange(num_features, dtype=torch.float64) * factors[:, None]  # (B, F)
        by_feature = x.data.float().transpose(1, 2)  # (B, F, T)
        warped = _read(by_feature, places, torch.full((batch,), num_features))
        return x.with_data(warped.transpose(1, 2)).zeroed()


def _hidden(chance: Tensor, widest: Tensor, sizes: Tensor, num_places: int) -> Tensor:
    """Random intervals on an axis: ``(B, M, 2)`` chances -> ``(B, num_places)`` bool.

    Args:
        chance: 0..1, of the width and of the place of each of M intervals.
        widest: ``(B,)``, widths are 0..widest.
        sizes: ``(B,)``, intervals lie within 0..size.
        num_places: length of the axis.
    """
    widths = (chance[..., 0] * (widest[:, None] + 1)).long()  # (B, M)
    starts = (chance[..., 1] * (sizes[:, None] - widths + 1)).long()
    places = torch.arange(num_places)
    after = places >= starts[..., None]  # (B, M, num_places)
    before = places < (starts + widths)[..., None]
    return (after & before).any(dim=1)


def _read(data: Tensor, places: Tensor, lengths: Tensor) -> Tensor:
    """Values between steps: ``(B, T, ...)`` at ``(B, P)`` -> ``(B, P, ...)``.

    Places beyond the first or the last valid step read that step.
    """
    last = (lengths - 1).clamp(min=0)[:, None]
    places = places.clamp(min=0).minimum(last)
    left = places.long()  # (B, P)
    right = (left + 1).minimum(last)
    weight = (places - left).float().reshape(*places.shape, *[1] * (data.ndim - 2))
    rows = torch.arange(len(data), device=data.device)[:, None]
    left, right, weight = (t.to(data.device, non_blocking=True) for t in (left, right, weight))
    return torch.lerp(data[rows, left], data[rows, right], weight)
