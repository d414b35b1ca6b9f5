"""Features and augmentation of sound and pictures together, `rnnmm.batch.AudioVisual`.

What an item lacks goes through every stage as one empty step, so that no stage has to know of it,
and comes out lacking; what no item of a batch has is passed by.
"""

from collections.abc import Callable

import torch
from torch import nn

from rnnmm.batch import AudioVisual, Padded
from rnnmm.domain import Fraction
from rnnmm.features.draw import draw
from rnnmm.features.stage import Augmentation, Stage

Change = Callable[[Padded], Padded]


class Paired(Stage):
    """Features of the sound, and features of the pictures, each by a stage of its own.

    The pair counts its steps, and its features, as the sound does.

    Args:
        sound: PCM to features.
        pictures: stored frames to features.

    Raises:
        ValueError: One of them is no `Stage`.
    """

    def __init__(self, sound: nn.Module, pictures: nn.Module) -> None:
        super().__init__()
        for stage in (sound, pictures):
            if not isinstance(stage, Stage):
                raise ValueError(
                    f"Paired: expected stages of features, got {type(stage).__name__}"
                )
        self.sound = sound
        self.pictures = pictures

    def forward(self, x: Padded) -> AudioVisual:
        """Stored sound and pictures -> `AudioVisual` of their features.

        Raises:
            ValueError: ``x`` is not `AudioVisual`.
        """
        x = _pair("Paired", x)
        sound, pictures = _through(self.sound, x.sound), _through(self.pictures, x.pictures)
        return AudioVisual(sound.data, sound.lengths, pictures)

    def output_dim(self, input_dim: int) -> int:
        """That of the sound."""
        return self._stage.output_dim(input_dim)

    def frame_rate(self, input_rate: float) -> float:
        """That of the sound."""
        return self._stage.frame_rate(input_rate)

    def num_frames(self, n: int) -> int:
        """Those of the sound."""
        return self._stage.num_frames(n)

    @property
    def _stage(self) -> Stage:
        assert isinstance(self.sound, Stage)
        return self.sound


class OnSound(Augmentation):
    """An augmentation of the sound alone.

    Args:
        augment: of sound.
    """

    def __init__(self, augment: nn.Module) -> None:
        super().__init__()
        self.augment = augment

    def forward(self, x: Padded, generator: torch.Generator) -> AudioVisual:
        """Leaves the pictures as they are."""
        x = _pair("OnSound", x)
        return x.with_sound(_through(lambda part: self.augment(part, generator), x.sound))


class OnPictures(Augmentation):
    """An augmentation of the pictures alone.

    Args:
        augment: of pictures.
    """

    def __init__(self, augment: nn.Module) -> None:
        super().__init__()
        self.augment = augment

    def forward(self, x: Padded, generator: torch.Generator) -> AudioVisual:
        """Leaves the sound as it is."""
        x = _pair("OnPictures", x)
        return x.with_pictures(_through(lambda part: self.augment(part, generator), x.pictures))


class OnBoth(Augmentation):
    """One augmentation of sound and pictures, by the same draws: they stay in step.

    Args:
        augment: of either, such as `rnnmm.features.augment.TimeStretch` of their features.
    """

    def __init__(self, augment: nn.Module) -> None:
        super().__init__()
        self.augment = augment

    def forward(self, x: Padded, generator: torch.Generator) -> AudioVisual:
        """Draws for the sound; for the pictures, the same again."""
        x = _pair("OnBoth", x)
        again = torch.Generator()
        again.set_state(generator.get_state())
        sound: Padded = self.augment(x.sound, generator)
        pictures: Padded = self.augment(x.pictures, again)
        return AudioVisual(sound.data, sound.lengths, pictures)


class DropModality(Augmentation):
    """Takes the sound away from some items, and the pictures from others: never both.

    An item that has but one of them keeps it. So a model learns not to lean on the easier one.

    Args:
        sound: 0..1, the share of items that lose their sound.
        pictures: 0..1 - sound, the share that lose their pictures.

    Raises:
        ValueError: The shares are more than 1 together.

    Source:
        Neverova et al. 2016, "ModDrop", arXiv 1501.00102.
    """

    def __init__(self, sound: Fraction = 0.25, pictures: Fraction = 0.25) -> None:
        super().__init__()
        if min(sound, pictures) < 0 or sound + pictures > 1:
            raise ValueError(
                f"DropModality: expected shares >= 0 that are at most 1 together, got sound "
                f"{sound:g} and pictures {pictures:g}"
            )
        self.sound = sound
        self.pictures = pictures

    def forward(self, x: Padded, generator: torch.Generator) -> AudioVisual:
        """Items that lose a part have it at length 0."""
        x = _pair("DropModality", x)
        chance = draw(generator, len(x.lengths), 0.0, 1.0)
        has_both = (x.lengths > 0) & (x.pictures.lengths > 0)
        mute, blind = has_both & (chance < self.sound), has_both & (chance >= 1 - self.pictures)
        sound, pictures = _without(x.sound, mute), _without(x.pictures, blind)
        return AudioVisual(sound.data, sound.lengths, pictures)


def _pair(name: str, x: Padded) -> AudioVisual:
    if isinstance(x, AudioVisual):
        return x
    raise ValueError(
        f"{name}: expected sound and pictures, got one of them alone; set task.inputs=audio+frames"
    )


def _without(part: Padded, rows: torch.Tensor) -> Padded:
    """The part with nothing in the rows that a ``(B,)`` mask names."""
    return Padded(part.data, part.lengths.masked_fill(rows, 0)).zeroed() if rows.any() else part


def _through(change: Change, part: Padded) -> Padded:
    is_missing = part.lengths == 0
    if is_missing.all():
        return part
    if not is_missing.any():
        return change(part)
    changed = change(Padded(part.zeroed().data, part.lengths.clamp(min=1)))
    # Of several views of a batch each lacks the same.
    num_views = len(changed.lengths) // len(is_missing)
    return _without(changed, is_missing.repeat(num_views))
