"""Sound and pictures in one encoder: brought to one time grid, combined, and read on.

Three ways of fusion are three ways of building `Fusion`:

* early: convolutions over the sound and a CNN on the pictures, `Joined`, then one recurrence;
* gated: the same with `Gated`, which weighs the two anew at each step;
* late: an encoder with a recurrence of its own for either, `Joined`, and no more.

What an item lacks enters none of them: a mask says where there is sound, and where a picture.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from rnnmm.batch import AudioVisual, Padded
from rnnmm.domain import Positive, Probability, Size
from rnnmm.nn.dropout import Dropout

Combine = Callable[[int, int], nn.Module]


class Joined(nn.Module):
    """Both side by side, zeros for what is missing, and whether each is there.

    Args:
        sound_dim: D of the sound.
        picture_dim: D of the pictures.
    """

    def __init__(self, sound_dim: int, picture_dim: int) -> None:
        super().__init__()
        self.output_dim = sound_dim + picture_dim + 2

    def forward(self, sound: Padded, pictures: Padded) -> Tensor:
        """``(B, S, D_sound)`` and ``(B, S, D_picture)`` -> ``(B, S, D_sound + D_picture + 2)``."""
        return torch.cat([sound.data, pictures.data, _presence(sound, pictures)], dim=2)


class Gated(nn.Module):
    """A weighted sum of both, the weight of each feature chosen at each step from both.

    What is missing has the weight zero.

    Args:
        sound_dim: D of the sound.
        picture_dim: D of the pictures.
        output_dim: to which both are brought.
        dropout: in training, on each of them.

    Source:
        Arevalo et al. 2017, "Gated multimodal units for information fusion", arXiv 1702.01992,
        with a mask.
    """

    def __init__(
        self,
        sound_dim: int,
        picture_dim: int,
        output_dim: Size = 256,
        dropout: Probability = 0.0,
    ) -> None:
        super().__init__()
        self.sound = nn.Linear(sound_dim, output_dim)
        self.pictures = nn.Linear(picture_dim, output_dim)
        self.gate = nn.Linear(sound_dim + picture_dim + 2, 2 * output_dim)
        self.dropout = Dropout(dropout)
        self.output_dim = output_dim

    def forward(self, sound: Padded, pictures: Padded) -> Tensor:
        """``(B, S, D_sound)`` and ``(B, S, D_picture)`` -> ``(B, S, output_dim)``."""
        there = _presence(sound, pictures)  # (B, S, 2)
        seen = torch.cat([sound.data, pictures.data, there], dim=2)
        gates = self.gate(seen).unflatten(2, (2, self.output_dim)).sigmoid() * there[..., None]
        heard = self.dropout(torch.relu(self.sound(sound.data)))  # (B, S, D)
        looked = self.dropout(torch.relu(self.pictures(pictures.data)))
        fused: Tensor = gates[:, :, 0] * heard + gates[:, :, 1] * looked
        return fused


class Fusion(nn.Module):
    """An encoder of `AudioVisual` features: steps of the sound's grid, as long as either lasts.

    Each encoder sees only the items that have its part. A step gets the picture that is on show
    at its time.

    Args:
        sound: encoder of the sound; its steps are the grid, and its ``output_lengths`` tell how
            many there are.
        pictures: encoder of the pictures, one step a picture.
        combine: makes what joins the two, given their sizes: `Joined`, `Gated`.
        recurrent: makes what reads the joined steps, given their size, such as
            `rnnmm.nn.recurrent.Recurrent`; None: nothing does.
        steps_per_picture: steps of the grid while one picture is shown: frames of sound a second,
            over the stride of ``sound``, over pictures a second.
    """

    def __init__(
        self,
        sound: nn.Module,
        pictures: nn.Module,
        combine: Combine = Joined,
        recurrent: Callable[[int], nn.Module] | None = None,
        steps_per_picture: Positive = 1.0,
    ) -> None:
        super().__init__()
        self.sound = sound
        self.pictures = pictures
        self.steps_per_picture = steps_per_picture
        dims = (int(sound.output_dim), int(pictures.output_dim))  # type: ignore[arg-type]
        self.combine = combine(*dims)
        joined_dim = int(self.combine.output_dim)  # type: ignore[arg-type]
        self.recurrent = recurrent(joined_dim) if recurrent else None
        last = self.recurrent or self.combine
        self.output_dim = int(last.output_dim)  # type: ignore[arg-type]

    def output_lengths(self, lengths: Tensor) -> Tensor:
        """Steps that come out of so many frames of sound."""
        found: Tensor = self.sound.output_lengths(lengths)  # type: ignore[operator]
        return found

    def forward(self, x: Padded) -> Padded:
        """Features of sound ``(B, T, F)`` and pictures ``(B, T', ...)`` -> ``(B, S, D)``.

        Raises:
            ValueError: ``x`` is not `AudioVisual`.
        """
        if not isinstance(x, AudioVisual):
            raise ValueError(
                "Fusion: expected sound and pictures, got one of them alone; set "
                "task.inputs=audio+frames and features of both (rnnmm.features.paired)"
            )
        sound = _encoded(self.sound, x.sound)
        pictures = self._on_grid(_encoded(self.pictures, x.pictures))
        lengths = sound.lengths.maximum(pictures.lengths)
        sound, pictures = (_extended(part, int(lengths.max())) for part in (sound, pictures))
        joined = Padded(self.combine(sound, pictures), lengths).zeroed()  # (B, S, D)
        return joined if self.recurrent is None else self.recurrent(joined)

    def _on_grid(self, pictures: Padded) -> Padded:
        """``(B, T', D)``, a step a picture -> ``(B, S, D)``, the picture on show at each step."""
        rate = self.steps_per_picture
        if rate == 1:
            return pictures
        lengths = torch.ceil(pictures.lengths.double() * rate).long()
        num_steps = math.ceil(pictures.data.shape[1] * rate)
        shown = (torch.arange(num_steps) / rate).long().clamp(max=pictures.data.shape[1] - 1)
        return Padded(pictures.data[:, shown.to(pictures.data.device)], lengths)


def _encoded(encoder: nn.Module, x: Padded) -> Padded:
    """What an encoder makes of the rows that have steps; the others stay empty."""
    there = x.lengths.nonzero()[:, 0]
    if len(there) == len(x.lengths):
        encoded: Padded = encoder(x)
        return encoded
    lengths = torch.zeros_like(x.lengths)
    if not len(there):
        output_dim = int(encoder.output_dim)  # type: ignore[arg-type]
        floats = next(encoder.parameters()).new_zeros(len(lengths), 1, output_dim)
        return Padded(floats, lengths)
    found: Padded = encoder(Padded(x.data[there.to(x.data.device)], x.lengths[there]))
    lengths[there] = found.lengths
    data = found.data.new_zeros(len(lengths), *found.data.shape[1:])
    return Padded(data.index_copy(0, there.to(data.device), found.data), lengths)


def _extended(x: Padded, num_steps: int) -> Padded:
    """``(B, T, D)`` -> ``(B, num_steps, D)``, zeros as padding."""
    missing = num_steps - x.data.shape[1]
    data = nn.functional.pad(x.data, (0, 0, 0, missing))  # a negative pad cuts off
    return x.with_data(data).zeroed()


def _presence(sound: Padded, pictures: Padded) -> Tensor:
    """``(B, S, 2)``: 1 where there is sound, and where there is a picture."""
    return torch.stack([sound.mask, pictures.mask], dim=2).to(sound.data.dtype)
