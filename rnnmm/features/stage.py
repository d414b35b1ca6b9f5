"""The two contracts of everything between a batch and an encoder."""

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

from rnnmm.batch import Padded

State = tuple[Any, ...]
"""What a stream remembers: tensors in nested tuples, a value to keep, to move and to restore."""


class Stage(nn.Module, ABC):
    """One step from stored inputs to what an encoder sees: batched, pure, nothing learned.

    A valid output depends on its own sequence alone, never on the padding, whatever stands there,
    nor on the rest of the batch. The padding of the output is zero. Only ``forward`` must be
    written; a stage that changes the time grid or the feature axis says so in the next three.

    A stage that needs no more than a bounded look ahead also has ``initial_state`` and ``step``:
    the outputs of all steps, one after the other, are those of ``forward``, however the input is
    cut into chunks.
    """

    @abstractmethod
    def forward(self, x: Padded) -> Padded:
        """Turns a batch of inputs into a batch of features, on the device of the input."""

    def output_dim(self, input_dim: int) -> int:
        """Features (channels, for frames) per step, given those of the input."""
        return input_dim

    def frame_rate(self, input_rate: float) -> float:
        """Steps per second, given those of the input (for PCM its sample rate)."""
        return input_rate

    def num_frames(self, n: int) -> int:
        """Steps made of ``n`` input steps (for PCM, samples)."""
        return n

    def initial_state(self, batch_size: int) -> State:
        """Of so many streams that advance together, before their first step.

        Raises:
            ValueError: The stage has to see the whole sequence.
        """
        raise self._cannot_stream()

    def step(self, x: Tensor, state: State, final: bool = False) -> tuple[Tensor, State]:
        """Takes the next chunk of every stream.

        Args:
            x: ``(B, t, ...)``, any t >= 0, of the kind that ``forward`` takes; all of it valid.
            state: what the step before gave; it is not changed.
            final: the streams end with this chunk, and what was held back comes out.

        Returns:
            The outputs that are now complete, ``(B, u, ...)``, u >= 0, and the next state.

        Raises:
            ValueError: The stage has to see the whole sequence.
        """
        raise self._cannot_stream()

    def _cannot_stream(self) -> ValueError:
        return ValueError(
            f"{type(self).__name__} cannot stream: its outputs depend on the whole sequence; "
            "use a stage with a step form, such as NormaliseRunning for NormaliseUtterance"
        )


class Pointwise(Stage):
    """A stage whose output at each step is a function of the input at that step alone."""

    @abstractmethod
    def apply_steps(self, data: Tensor) -> Tensor:
        """``(B, T, ...)`` -> ``(B, T, ...)``, step by step."""

    def forward(self, x: Padded) -> Padded:
        """Every step by itself."""
        return x.with_data(self.apply_steps(x.data)).zeroed()

    def initial_state(self, batch_size: int) -> State:
        """Nothing to remember."""
        return ()

    def step(self, x: Tensor, state: State, final: bool = False) -> tuple[Tensor, State]:
        """As `Stage.step`; holds nothing back."""
        return self.apply_steps(x), state


class Augmentation(nn.Module, ABC):
    """One random change of training inputs: batched, and a function of its generator alone.

    The random numbers are drawn on the CPU, equally many for each sequence and in the order of the
    batch: what happens to one depends on its place in the batch, not on its neighbours. Padding is
    never looked at, and is zero in the output. No sequence becomes empty.
    """

    @abstractmethod
    def forward(self, x: Padded, generator: torch.Generator) -> Padded:
        """Changes a batch.

        Args:
            x: on any device.
            generator: on the CPU; advanced by the draws.
        """


def joined(tail: Tensor, chunk: Tensor) -> Tensor:
    """What a stream kept ``(B, s, ...)`` before its new chunk ``(B, t, ...)``, on its device.

    Nothing kept (s = 0) may be of any shape: a state is made before the first chunk is seen.
    """
    if not tail.shape[1]:
        return chunk
    return torch.cat([tail.to(chunk.device, non_blocking=True), chunk], dim=1)


def dense(chunk: Tensor) -> Padded:
    """A chunk of every stream as a batch without padding."""
    return Padded(chunk, torch.full((len(chunk),), chunk.shape[1]))
