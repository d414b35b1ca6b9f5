"""What travels between the parts: padded tensors and the batches made of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import torch
from torch import Tensor


@dataclass(frozen=True, repr=False)
class Padded:
    """Sequences of unequal length in one tensor, padded on the right.

    Args:
        data: ``(B, T, ...)``, any dtype, any device. Values at steps >= length carry no meaning.
        lengths: ``(B,)`` int64, always on the CPU, so that no size ever waits for a device.

    Raises:
        ValueError: The shapes do not fit together, or ``lengths`` is not int64 on the CPU.
    """

    data: Tensor
    lengths: Tensor

    def __post_init__(self) -> None:
        # Shapes only: looking at values here would break torch.compile(fullgraph=True).
        if self.data.ndim < 2 or self.lengths.shape != self.data.shape[:1]:
            raise ValueError(
                f"Padded: expected data (B, T, ...) and lengths (B,), got data "
                f"{tuple(self.data.shape)} and lengths {tuple(self.lengths.shape)}"
            )
        if self.lengths.dtype != torch.int64 or self.lengths.device.type != "cpu":
            raise ValueError(
                f"Padded: expected int64 lengths on the CPU, got {self.lengths.dtype} "
                f"on {self.lengths.device}"
            )

    @classmethod
    def stack(cls, rows: Sequence[Tensor]) -> Self:
        """Pads rows ``(T_i, ...)`` with zeros into one batch.

        Raises:
            ValueError: There are no rows, or their trailing shapes differ.
        """
        if not rows:
            raise ValueError("Padded.stack: expected at least one row, got none")
        trailing = {tuple(row.shape[1:]) for row in rows}
        if len(trailing) != 1:
            raise ValueError(f"Padded.stack: expected one trailing shape, got {sorted(trailing)}")
        data = torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True)  # (B, T, ...)
        return cls(data, torch.tensor([len(row) for row in rows], dtype=torch.int64))

    @property
    def mask(self) -> Tensor:
        """``(B, T)`` bool on the data's device, True where a step is valid."""
        steps = torch.arange(self.data.shape[1], device=self.data.device)
        return steps < self.lengths.to(self.data.device, non_blocking=True)[:, None]

    def zeroed(self) -> "Padded":
        """The same sequences with zeros as padding, whatever stood there (NaN included)."""
        if self.is_dense:
            return self
        mask = self.mask.reshape(*self.data.shape[:2], *[1] * (self.data.ndim - 2))
        return self.with_data(self.data.masked_fill(~mask, 0))

    @property
    def is_dense(self) -> bool:
        """Whether every sequence fills the whole time axis."""
        return bool((self.lengths == self.data.shape[1]).all())

    def with_data(self, data: Tensor) -> "Padded":
        """Other data on the same time grid."""
        return Padded(data, self.lengths)

    def rows(self) -> list[Tensor]:
        """The sequences without their padding, each ``(T_i, ...)``."""
        return [row[:length] for row, length in zip(self.data, self.lengths.tolist())]

    def to(self, *args: object, **kwargs: object) -> "Padded":
        """Moves or casts the data; lengths stay int64 on the CPU."""
        return Padded(self.data.to(*args, **kwargs), self.lengths)  # type: ignore[call-overload]

    def pin_memory(self) -> "Padded":
        """A copy of the data in page-locked memory."""
        return Padded(self.data.pin_memory(), self.lengths)

    def __repr__(self) -> str:
        shape = ", ".join(map(str, self.data.shape))
        dtype = str(self.data.dtype).removeprefix("torch.")
        return f"Padded(({shape}) {dtype} {self.data.device}, lengths {self.lengths.tolist()})"


class InputBatch(NamedTuple):
    """Inputs without targets.

    rows: ``(B,)`` int64, rows of the store. inputs: PCM ``(B, N)`` int16, frames
    ``(B, T, H, W, C)`` uint8 or stored features ``(B, T, F)``.
    """

    rows: Tensor
    inputs: Padded


class LabelBatch(NamedTuple):
    """Inputs with one class each.

    rows and inputs as in `InputBatch`. labels: ``(B,)`` int64 class indices.
    """

    rows: Tensor
    inputs: Padded
    labels: Tensor


class TextBatch(NamedTuple):
    """Inputs with one token sequence each.

    rows and inputs as in `InputBatch`. targets: ``(B, U)`` int64 token ids.
    """

    rows: Tensor
    inputs: Padded
    targets: Padded


Batch = InputBatch | LabelBatch | TextBatch
