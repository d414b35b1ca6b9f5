"""Which frames of a clip a network sees: chosen before anything is computed from them.

A sampler is a pure rule from the length of a clip to places in it. In training it draws from a
generator, in testing it takes the middle of what it could draw; the two stages at the end apply it
to stored frames, `RandomSample` as the first of ``augment.inputs`` and `Sample` as the first of
``features``. All but `ByRate` leave alone what they have chosen, so the second finds nothing to do
in training.

Places ascend and none comes twice: a clip of fewer frames than are wanted is taken whole, for
recurrence takes any length.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor

from rnnmm.batch import Padded
from rnnmm.domain import Positive, Size
from rnnmm.features.stage import Augmentation, Stage

_MOST_PARTS = 1001  # of a frame per second: 30000 / 1001 is a common rate
_MIDDLE = 0.5


class Sampler(ABC):
    """A rule that chooses frames; abstract, with the final ones below."""

    @abstractmethod
    def indices(self, length: int, generator: torch.Generator | None = None) -> Tensor:
        """Places in a clip.

        Args:
            length: T >= 1 frames.
            generator: on the CPU, of training; advanced by as many draws whatever the length.
                None: the rule for testing.

        Returns:
            ``(t,)`` int64, ascending, in 0..T - 1; 1 <= t <= T.
        """

    def frame_rate(self, input_rate: float) -> float:
        """Frames per second that are left of so many.

        Raises:
            ValueError: The frames chosen are no even grid over the whole clip.
        """
        raise ValueError(
            f"{type(self).__name__}: expected a task that needs no times, for the frames it "
            f"chooses are no even grid over the clip; take ByRate or AllFrames"
        )


@dataclass(frozen=True)
class AllFrames(Sampler):
    """Every frame, by chance or not."""

    def indices(self, length: int, generator: torch.Generator | None = None) -> Tensor:
        """``(T,)``."""
        return torch.arange(length)

    def frame_rate(self, input_rate: float) -> float:
        """The same."""
        return input_rate


@dataclass(frozen=True)
class Dense(Sampler):
    """A window of frames that follow each other, at a random place; in testing in the middle.

    Where the window is longer than the clip its stride is lowered to the largest that fits.

    Args:
        count: n frames of the window.
        stride: from one to the next.

    Raises:
        ValueError: One of them is less than 1.
    """

    count: Size
    stride: Size = 1

    def __post_init__(self) -> None:
        _check_sizes("Dense", count=self.count, stride=self.stride)

    def indices(self, length: int, generator: torch.Generator | None = None) -> Tensor:
        """``(min(n, T),)``; draws once."""
        count = min(self.count, length)
        stride = min(self.stride, (length - 1) // max(count - 1, 1))
        return _comb(length, count, Fraction(max(stride, 1)), *_chances(1, generator))


@dataclass(frozen=True)
class Uniform(Sampler):
    """Frames over the whole clip at one distance, however long that is.

    Frame i is what is shown at ``(i + u) T / n``: all move by one random u in 0..1, which is .5
    in testing.

    Args:
        count: n frames.

    Raises:
        ValueError: It is less than 1.
    """

    count: Size

    def __post_init__(self) -> None:
        _check_sizes("Uniform", count=self.count)

    def indices(self, length: int, generator: torch.Generator | None = None) -> Tensor:
        """``(min(n, T),)``; draws once."""
        count = min(self.count, length)
        return _comb(length, count, Fraction(length, count), *_chances(1, generator))


@dataclass(frozen=True)
class Segments(Sampler):
    """One random frame of each of n equal parts of the clip; in testing that in its middle.

    Args:
        count: n parts.

    Raises:
        ValueError: It is less than 1.

    Source:
        Wang et al. 2016, "Temporal segment networks", arXiv 1608.00859, section 3.1.
    """

    count: Size

    def __post_init__(self) -> None:
        _check_sizes("Segments", count=self.count)

    def indices(self, length: int, generator: torch.Generator | None = None) -> Tensor:
        """``(min(n, T),)``; draws n times."""
        count = min(self.count, length)
        chances = torch.tensor(_chances(self.count, generator)[:count], dtype=torch.float64)
        edges = torch.arange(count + 1) * length // count
        return edges[:-1] + (chances * edges.diff()).long()


@dataclass(frozen=True)
class ByRate(Sampler):
    """Frames at a lower rate than they are stored at: one in each period that begins in the clip.

    Nothing is drawn: in training, as in testing, frames lie in the middle of their periods. It
    belongs into ``features`` alone, for twice would halve the rate twice.

    Args:
        stored_rate: frames per second in the store: ``${preprocess.decoding.frame_rate}``.
        rate: frames per second to keep, at most ``stored_rate``.

    Raises:
        ValueError: Not ``0 < rate <= stored_rate``.
    """

    stored_rate: Positive
    rate: Positive

    def __post_init__(self) -> None:
        if not 0 < self.rate <= self.stored_rate:
            raise ValueError(
                f"ByRate: expected 0 < rate <= stored_rate, got {self.rate:g} and "
                f"{self.stored_rate:g}"
            )

    def indices(self, length: int, generator: torch.Generator | None = None) -> Tensor:
        """``(ceil(T rate / stored_rate),)``; draws nothing."""
        pace = _fraction(self.stored_rate) / _fraction(self.rate)
        return _comb(length, -(-length // pace), pace, _MIDDLE)

    def frame_rate(self, input_rate: float) -> float:
        """That to keep.

        Raises:
            ValueError: ``input_rate`` is not that of the store.
        """
        if input_rate != self.stored_rate:
            raise ValueError(
                f"ByRate: expected frames at {self.stored_rate:g} a second, got {input_rate:g}; "
                f"set stored_rate to preprocess.decoding.frame_rate"
            )
        return self.rate


class Sample(Stage):
    """Keeps the frames that a sampler chooses without chance.

    Args:
        sampler: which.
    """

    def __init__(self, sampler: Sampler) -> None:
        super().__init__()
        self.sampler = sampler

    def forward(self, x: Padded) -> Padded:
        """``(B, T, ...)`` of any type -> ``(B, T', ...)``, a copy."""
        return _thinned(x, self.sampler, None)

    def frame_rate(self, input_rate: float) -> float:
        """That of the sampler."""
        return self.sampler.frame_rate(input_rate)

    def num_frames(self, n: int) -> int:
        """As many as the sampler chooses."""
        return len(self.sampler.indices(n)) if n else 0


class RandomSample(Augmentation):
    """Keeps the frames that a sampler draws, of each clip others.

    Args:
        sampler: which; the same as that of `Sample` among the features.

    Raises:
        ValueError: ``sampler`` is a `ByRate`, which draws nothing.
    """

    def __init__(self, sampler: Sampler) -> None:
        super().__init__()
        if isinstance(sampler, ByRate):
            raise ValueError(
                "RandomSample: expected a sampler that draws, got ByRate; put it into "
                "features.stages as Sample, where training meets it too"
            )
        self.sampler = sampler

    def forward(self, x: Padded, generator: torch.Generator) -> Padded:
        """``(B, T, ...)`` of any type -> ``(B, T', ...)``, a copy."""
        return _thinned(x, self.sampler, generator)


def kept_places(features: torch.nn.Module, length: int) -> Tensor:
    """``(T',)`` int64: where the frames that features are made of stand among ``length``."""
    places = torch.arange(length)
    for stage in features.modules():
        if isinstance(stage, Sample):
            places = places[stage.sampler.indices(len(places))]
    return places


def _thinned(x: Padded, sampler: Sampler, generator: torch.Generator | None) -> Padded:
    def chosen(row: Tensor) -> Tensor:
        if not len(row):
            return row
        return row[sampler.indices(len(row), generator).to(row.device, non_blocking=True)]

    return Padded.stack([chosen(row) for row in x.rows()])


def _comb(length: int, count: int, pace: Fraction, chance: float) -> Tensor:
    """``(count,)`` frames at one distance, moved by a part of the room there is for them.

    Args:
        length: T frames.
        count: n, of which the last begins before the end: ``(n - 1) pace < T``.
        pace: >= 1, from one to the next, frames.
        chance: 0..1, without 1: from as early as can be to as late as can be.
    """
    parts = pace.denominator  # of a frame: whole numbers of them are exact
    room = length * parts - (count - 1) * pace.numerator
    return (torch.arange(count) * pace.numerator + int(chance * room)) // parts


def _chances(count: int, generator: torch.Generator | None) -> list[float]:
    if generator is None:
        return [_MIDDLE] * count
    return torch.rand(count, generator=generator, dtype=torch.float64).tolist()


def _fraction(rate: float) -> Fraction:
    return Fraction(rate).limit_denominator(_MOST_PARTS)


def _check_sizes(name: str, **sizes: int) -> None:
    for what, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name}: expected {what} >= 1, got {size}")
