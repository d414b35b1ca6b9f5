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

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All that can lie on a device."""
        return (self.data,)

    def __repr__(self) -> str:
        shape = ", ".join(map(str, self.data.shape))
        dtype = str(self.data.dtype).removeprefix("torch.")
        return f"Padded(({shape}) {dtype} {self.data.device}, lengths {self.lengths.tolist()})"


@dataclass(frozen=True, repr=False)
class AudioVisual(Padded):
    """The sound of some items and, each on a time grid of its own, the pictures beside it.

    As a `Padded` it is the sound alone. What an item lacks is a row of length 0; none lacks both.

    Args:
        data: ``(B, N)`` PCM or ``(B, T, F)`` features of the sound.
        lengths: ``(B,)`` int64, on the CPU; 0: no sound.
        pictures: ``(B, T', H, W, C)`` as stored or ``(B, T', ...)``; of length 0: none.

    Raises:
        ValueError: As `Padded`; or sound and pictures are not of as many items.
    """

    pictures: Padded

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.lengths) != len(self.pictures.lengths):
            raise ValueError(
                f"AudioVisual: expected sound and pictures of as many items, got "
                f"{len(self.lengths)} and {len(self.pictures.lengths)}"
            )

    @property
    def sound(self) -> Padded:
        """The sound alone."""
        return Padded(self.data, self.lengths)

    def with_sound(self, sound: Padded) -> "AudioVisual":
        """Other sound beside the same pictures."""
        return AudioVisual(sound.data, sound.lengths, self.pictures)

    def with_pictures(self, pictures: Padded) -> "AudioVisual":
        """Other pictures beside the same sound."""
        return AudioVisual(self.data, self.lengths, pictures)

    def with_data(self, data: Tensor) -> "AudioVisual":
        """Other data of the sound, on the same time grid."""
        return AudioVisual(data, self.lengths, self.pictures)

    def to(self, *args: object, **kwargs: object) -> "AudioVisual":
        """Moves or casts both; lengths stay int64 on the CPU."""
        sound = super().to(*args, **kwargs)
        return AudioVisual(sound.data, sound.lengths, self.pictures.to(*args, **kwargs))

    def pin_memory(self) -> "AudioVisual":
        """A copy of both in page-locked memory."""
        return AudioVisual(self.data.pin_memory(), self.lengths, self.pictures.pin_memory())

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All that can lie on a device."""
        return (self.data, self.pictures.data)

    def __repr__(self) -> str:
        return f"AudioVisual({super().__repr__()}, {self.pictures!r})"


class InputBatch(NamedTuple):
    """Inputs without targets.

    rows: ``(B,)`` int64, rows of the store. inputs: PCM ``(B, N)`` int16, frames
    ``(B, T, H, W, C)`` uint8, both (`AudioVisual`) or stored features ``(B, T, F)``.
    """

    rows: Tensor
    inputs: Padded


class LabelBatch(NamedTuple):
    """Inputs with one class each.

    rows and inputs as in `InputBatch`. labels: ``(B,)`` int64 class indices or, of mixed items,
    ``(B, K)`` float32 shares, see `rnnmm.tasks.labelled`.
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


class TagBatch(NamedTuple):
    """Inputs with any number of labels in each frame.

    rows and inputs as in `InputBatch`. tags: ``(B, T, K)`` float32, 1 where a frame of the
    features carries a label, 0 elsewhere.
    """

    rows: Tensor
    inputs: Padded
    tags: Padded


Batch = InputBatch | LabelBatch | TextBatch | TagBatch
