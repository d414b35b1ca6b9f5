"""An augmentation of some utterances; the others stay as they are."""

import torch
from torch import nn

from rnnmm.batch import AudioVisual, Padded
from rnnmm.domain import Fraction
from rnnmm.features.draw import draw
from rnnmm.features.pcm import float_pcm
from rnnmm.features.stage import Augmentation


class Sometimes(Augmentation):
    """Changes a part of the batch, by lot.

    What is always done is learned as well: where each utterance gets silence around it, a network
    has no longer met one that is cut close.

    Args:
        augment: of sound, features or pictures; where both are there, this belongs inside of
            `OnSound`, `OnPictures` or `OnBoth` of `rnnmm.features.paired`.
        probability: 0..1, of an utterance being changed.

    Raises:
        ValueError: ``probability`` is not within 0..1.
    """

    def __init__(self, augment: nn.Module, probability: Fraction = 0.5) -> None:
        super().__init__()
        if not 0 <= probability <= 1:
            raise ValueError(f"Sometimes: expected 0 <= probability <= 1, got {probability:g}")
        self.augment = augment
        self.probability = probability

    def forward(self, x: Padded, generator: torch.Generator) -> Padded:
        """What ``augment`` takes -> the type and the layout that it gives; PCM to float32.

        Raises:
            ValueError: ``augment`` makes more utterances than there were, as `Views` does; sound
                and pictures at once.
        """
        if isinstance(x, AudioVisual):
            raise ValueError(
                "Sometimes: expected sound or pictures alone, got both; put it inside of OnSound, "
                "OnPictures or OnBoth"
            )
        # One number for the batch, so that what `augment` draws does not hang on its size.
        lot = torch.Generator().manual_seed(int(torch.randint(2**62, (1,), generator=generator)))
        is_chosen = (draw(lot, len(x.data), 0, 1) < self.probability).tolist()
        changed: Padded = self.augment(x, generator)
        if len(changed.data) != len(x.data):
            raise ValueError(
                f"Sometimes: expected an augmentation that keeps the number of utterances, got "
                f"{type(self.augment).__name__}; put that behind this one"
            )
        given = float_pcm(x) if x.data.dtype == torch.int16 else x
        rows = zip(is_chosen, changed.rows(), given.rows())
        return Padded.stack([new if chosen else old.to(new.dtype) for chosen, new, old in rows])
