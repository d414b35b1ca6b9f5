"""The two contracts of everything between a batch and an encoder."""

from abc import ABC, abstractmethod

import torch
from torch import nn

from rnnmm.batch import Padded


class Stage(nn.Module, ABC):
    """One step from stored inputs to what an encoder sees: batched, pure, nothing learned.

    A valid output depends on its own sequence alone, never on the padding, whatever stands there,
    nor on the rest of the batch. The padding of the output is zero. Only ``forward`` must be
    written; a stage that changes the time grid or the feature axis says so in the other three.
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
