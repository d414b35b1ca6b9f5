"""Features without the level and the range of the recording."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from rnnmm.batch import Padded
from rnnmm.features.stage import Pointwise, Stage, State, joined

# Below this a feature does not vary: it is centred, not blown up.
_SMALLEST_DEVIATION = 1e-5


class NormaliseUtterance(Stage):
    """Gives every feature of every utterance the mean zero and, if wanted, the variance one.

    Looks at the whole utterance, so it is not for streaming. Taken over the valid steps alone; a
    feature that does not vary becomes zero.

    Args:
        variance: divide by the standard deviation (of the population) too.
        prior_steps: >= 0, how many steps of mean zero and variance one count as heard besides:
            the mean and the variance of one short word are mostly what was said, not who said it
            or where. For features that `NormaliseGlobal` brought to that scale.

    Raises:
        ValueError: ``prior_steps`` is negative.
    """

    def __init__(self, variance: bool = True, prior_steps: float = 0.0) -> None:
        super().__init__()
        if prior_steps < 0:
            raise ValueError(f"NormaliseUtterance: expected prior_steps >= 0, got {prior_steps:g}")
        self.variance = variance
        self.prior_steps = prior_steps

    def forward(self, x: Padded) -> Padded:
        """``(B, T, ...)`` floating point -> the same shape, float32."""
        count = x.lengths.clamp(min=1).to(x.data.device, non_blocking=True)
        count = count.reshape(-1, *[1] * (x.data.ndim - 1))  # (B, 1, ...)
        given = x.with_data(x.data.float()).zeroed()
        # Twice: the second mean takes away what rounding left of the first, so that the length
        # of the padding cannot be seen in the result.
        centred = _centred(_centred(given, count), count)
        if self.prior_steps:
            kept = given.data.sum(1, keepdim=True) / count * self._prior(count)
            centred = centred.with_data(centred.data + kept).zeroed()
        if not self.variance:
            return centred
        squares = centred.data.square().sum(1, keepdim=True)
        deviation = ((squares + self.prior_steps) / (count + self.prior_steps)).sqrt()
        return centred.with_data(centred.data / deviation.clamp(min=_SMALLEST_DEVIATION))

    def _prior(self, count: Tensor) -> Tensor:
        """The part of all steps that was only assumed."""
        return self.prior_steps / (count + self.prior_steps)


class Statistics(NamedTuple):
    """Mean and standard deviation of features, ``(F,)`` float64, and the steps they are from."""

    mean: Tensor
    deviation: Tensor
    num_steps: int


def feature_statistics(batches: Iterable[Padded]) -> Statistics:
    """Mean and standard deviation (of the population) of each feature, for `NormaliseGlobal`.

    Padding does not count, nor does the way the sequences are batched. To be taken over training
    data alone.

    Args:
        batches: ``(B, T, F)`` floating point, on any device.

    Raises:
        ValueError: There is no step at all.
    """
    count, mean, squares = 0, torch.zeros(()), torch.zeros(())
    for batch in batches:
        steps = batch.data[batch.mask].double()  # (steps, F)
        if not len(steps):
            continue
        # Chan, Golub and LeVeque 1983: deviations from the mean are added, never raw squares.
        ours = steps.mean(0)
        shift, both = ours - mean, count + len(steps)
        squares = squares + (steps - ours).square().sum(0) + shift**2 * count * len(steps) / both
        mean, count = mean + shift * len(steps) / both, both
    if not count:
        raise ValueError("feature_statistics: expected sequences with steps, got none")
    return Statistics(mean, (squares / count).sqrt(), count)


class NormaliseGlobal(Pointwise):
    """Shifts and divides each feature by numbers of its own, known beforehand.

    Args:
        mean: ``(F,)``, what becomes zero; as `feature_statistics` gives it.
        deviation: ``(F,)`` >= 0, what becomes one; a feature that never varied is only centred.

    Raises:
        ValueError: They are not of one length, or a deviation is negative.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, mean: Sequence[float], deviation: Sequence[float]) -> None:
        super().__init__()
        if len(mean) != len(deviation) or not len(mean) or min(deviation) < 0:
            raise ValueError(
                "NormaliseGlobal: expected a mean and a deviation >= 0 per feature, got "
                f"{len(mean)} means and {len(deviation)} deviations, the least "
                f"{min(deviation, default=0):g}"
            )
        spread = torch.as_tensor(deviation, dtype=torch.float64)
        spread = torch.where(spread < _SMALLEST_DEVIATION, 1.0, spread)
        centre = torch.as_tensor(mean, dtype=torch.float32)
        self.register_buffer("mean", centre, persistent=False)  # (F,)
        self.register_buffer("scale", (1 / spread).float(), persistent=False)

    def apply_steps(self, data: Tensor) -> Tensor:
        """``(B, T, F)`` floating point -> the same shape, float32."""
        return (data.float() - self.mean) * self.scale


class RunningState(NamedTuple):
    """num_steps: ``()`` int64 on the CPU, those seen. total, squares: ``(B, 1, F)`` float64, sums
    of the steps and of their squares.
    """

    num_steps: Tensor
    total: Tensor
    squares: Tensor


class NormaliseRunning(Stage):
    """Normalises each step by the mean and the variance of all steps up to and including it.

    Nothing of the future is used: a stream gives what the whole gives. A feature that has not
    varied yet becomes zero, and so does the first step. Sums are kept in float64.

    Args:
        variance: divide by the standard deviation (of the population) too.
    """

    def __init__(self, variance: bool = True) -> None:
        super().__init__()
        self.variance = variance

    def forward(self, x: Padded) -> Padded:
        """``(B, T, F)`` floating point -> the same shape, float32."""
        return x.with_data(self.step(x.data, self.initial_state(len(x.data)))[0]).zeroed()

    def initial_state(self, batch_size: int) -> State:
        """No step seen."""
        nothing = torch.zeros(batch_size, 1, 1, dtype=torch.float64)
        return RunningState(torch.tensor(0), nothing, nothing)

    def step(self, x: Tensor, state: State, final: bool = False) -> tuple[Tensor, State]:
        """As `Stage.step`; holds nothing back."""
        count, total, squares = state
        exact = x.double()
        counts = torch.arange(1, 1 + x.shape[1], device=x.device)[:, None] + int(count)  # (t, 1)
        total, squares = _on(x, total), _on(x, squares)
        mean = (total + exact.cumsum(1)) / counts
        power = (squares + exact.square().cumsum(1)) / counts
        after = RunningState(
            count + x.shape[1],
            total + exact.sum(1, keepdim=True),
            squares + exact.square().sum(1, keepdim=True),
        )
        return _normalised(exact, mean, power, self.variance), after


class WindowState(NamedTuple):
    """steps: ``(B, s, F)``, those that the next windows reach back to, s < window."""

    steps: Tensor


class NormaliseWindow(Stage):
    """Normalises each step by the mean and the variance of the last ``window`` steps, its own too.

    At the beginning there are fewer. Nothing of the future is used: a stream gives what the whole
    gives. A feature that does not vary within the window becomes zero.

    Args:
        window: >= 1, steps; 300 are 3 s at 100 Hz.
        variance: divide by the standard deviation (of the population) too.

    Raises:
        ValueError: ``window`` is below one.
    """

    def __init__(self, window: int = 300, variance: bool = True) -> None:
        super().__init__()
        if window < 1:
            raise ValueError(f"NormaliseWindow: expected window >= 1, got {window}")
        self.window = window
        self.variance = variance

    def forward(self, x: Padded) -> Padded:
        """``(B, T, F)`` floating point -> the same shape, float32."""
        return x.with_data(self.step(x.data, self.initial_state(len(x.data)))[0]).zeroed()

    def initial_state(self, batch_size: int) -> State:
        """No step seen."""
        return WindowState(torch.zeros(batch_size, 0))

    def step(self, x: Tensor, state: State, final: bool = False) -> tuple[Tensor, State]:
        """As `Stage.step`; holds nothing back."""
        steps = joined(state[0], x)
        kept = steps.shape[1] - x.shape[1]
        exact = steps.double()
        counts = torch.arange(1, 1 + steps.shape[1], device=x.device).clamp(max=self.window)
        mean = self._sums(exact) / counts[:, None]
        power = self._sums(exact.square()) / counts[:, None]
        found = _normalised(exact, mean, power, self.variance)
        last = max(0, steps.shape[1] - self.window + 1)
        return found[:, kept:], WindowState(steps[:, last:])

    def _sums(self, steps: Tensor) -> Tensor:
        """Over the window that ends at each step: ``(B, T, F)``."""
        sums = steps.cumsum(1)
        before = functional.pad(sums, (0, 0, self.window, 0))[:, : sums.shape[1]]
        return sums - before


def _centred(x: Padded, count: Tensor) -> Padded:
    return x.with_data(x.data - x.data.sum(dim=1, keepdim=True) / count).zeroed()


def _normalised(x: Tensor, mean: Tensor, power: Tensor, variance: bool) -> Tensor:
    """Centred, and divided by the deviation that the mean square ``power`` leaves, as float32."""
    if not variance:
        return (x - mean).float()
    deviation = (power - mean.square()).clamp(min=0).sqrt()
    return ((x - mean) / deviation.clamp(min=_SMALLEST_DEVIATION)).float()


def _on(x: Tensor, kept: Tensor) -> Tensor:
    return kept.to(x.device, non_blocking=True)
