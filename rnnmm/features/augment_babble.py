"""Noise that is speech."""

import torch
from torch import Tensor

from rnnmm.batch import Padded
from rnnmm.domain import Size
from rnnmm.features.draw import check_range
from rnnmm.features.pcm import float_pcm
from rnnmm.features.stage import Augmentation

_MAX_DB = 100.0


class Babble(Augmentation):
    """Adds several voices at a random level below (or above) the utterance's own power.

    The voices are the utterance itself, each begun somewhere else and every other one played
    backwards: they have its spectrum and its rhythm and say nothing. So what happens to an
    utterance depends on no other one. Digital silence stays silent.

    Args:
        low_snr_db: -100..100, the lowest signal-to-noise ratio, the most babble.
        high_snr_db: low_snr_db..100, the highest.
        num_voices: how many speak at a time.

    Raises:
        ValueError: Not ``-100 <= low_snr_db <= high_snr_db <= 100``.
    """

    def __init__(
        self, low_snr_db: float = 0.0, high_snr_db: float = 40.0, num_voices: Size = 6
    ) -> None:
        super().__init__()
        check_range("Babble", low_snr_db, high_snr_db, -_MAX_DB, _MAX_DB)
        self.low_snr_db = low_snr_db
        self.high_snr_db = high_snr_db
        self.num_voices = num_voices

    def forward(self, x: Padded, generator: torch.Generator) -> Padded:
        """``(B, N)`` PCM -> ``(B, N)`` float32."""
        size = (len(x.data), 1 + self.num_voices)
        chances = torch.rand(size, generator=generator, dtype=torch.float64).tolist()
        x = float_pcm(x)
        mixed = torch.zeros_like(x.data)
        for to, speech, (chance, *places) in zip(mixed, x.rows(), chances):
            snr_db = self.low_snr_db + (self.high_snr_db - self.low_snr_db) * chance
            to[: len(speech)] = _add_at_snr(speech, _voices(speech, places), snr_db)
        return x.with_data(mixed)


def _add_at_snr(speech: Tensor, noise: Tensor, snr_db: float) -> Tensor:
    """``(N,)`` speech with ``(N,)`` noise added, brought to a ratio of their powers."""
    power, noise_power = speech.square().mean(), noise.square().mean()
    scale = (power / noise_power.clamp(min=1e-20)).sqrt() * 10 ** (-snr_db / 20)
    return speech + scale * noise


def _voices(speech: Tensor, places: list[float]) -> Tensor:
    """The sum of the utterance ``(N,)``, begun at each of these places (0..1) of it."""
    backwards = speech.flip(0)
    turned = [
        (backwards if number % 2 else speech).roll(int(place * len(speech)))
        for number, place in enumerate(places)
    ]
    return torch.stack(turned).sum(0)
