"""Random microphones and rooms: PCM as int16 or float to float32 of full scale 1."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from rnnmm.batch import Padded
from rnnmm.features.draw import check_range, draw
from rnnmm.features.pcm import float_pcm
from rnnmm.features.stage import Augmentation

_MAX_DB = 100.0


class Equaliser(Augmentation):
    """Raises some frequencies and lowers others, as another microphone or line does.

    Gains are drawn at a few frequencies, evenly apart from 0 to Nyquist, and joined by straight
    lines over frequency; they stay the same over the whole utterance. The phase is kept.

    Args:
        most_db: 0..100, the largest gain either way.
        num_knots: >= 2, at how many frequencies one is drawn.

    Raises:
        ValueError: ``most_db`` is out of its range, or there are fewer than two knots.

    Source: after Nam, Kim & Park 2022, "FilterAugment", arXiv 2110.03282, on the waveform.
    """

    def __init__(self, most_db: float = 10.0, num_knots: int = 6) -> None:
        super().__init__()
        if not 0 <= most_db <= _MAX_DB or num_knots < 2:
            raise ValueError(
                f"Equaliser: expected most_db in 0..{_MAX_DB:g} and num_knots >= 2, got "
                f"{most_db:g} and {num_knots}"
            )
        self.most_db = most_db
        self.num_knots = num_knots

    def forward(self, x: Padded, generator: torch.Generator) -> Padded:
        """``(B, N)`` PCM -> ``(B, N)`` float32."""
        batch = len(x.data)
        chance = torch.rand(batch, 1, self.num_knots, generator=generator, dtype=torch.float64)
        knots_db = (self.most_db * (2 * chance - 1)).float()
        size = _fft_size(x.data.shape[1])
        curve = functional.interpolate(
            knots_db, size // 2 + 1, mode="linear", align_corners=True
        ).squeeze(1)  # (B, frequencies)
        gains = (10 ** (curve / 20)).to(x.data.device, non_blocking=True)
        return _filtered(x, gains, size)


class Reverberation(Augmentation):
    """Adds the late sound of a room: noise that dies away behind every sound.

    Each utterance has a room of its own. The direct sound stays as it is, where it is.

    Args:
        sample_rate: Hz, of the PCM.
        low_s: 0.05..5, the shortest time in which the room's sound falls by 60 dB.
        high_s: low_s..5, the longest.
        low_db: -100..100, the least energy of direct sound over that of the room.
        high_db: low_db..100, the most.

    Raises:
        ValueError: Not ``0.05 <= low_s <= high_s <= 5``, or not -100 <= low_db <= high_db <= 100.

    Source: Polack 1988, its model of late reverberation, as in Habets 2007, section 2.4.
    """

    def __init__(
        self, sample_rate: int, low_s: float = 0.2, high_s: float = 0.8,
        low_db: float = 0.0, high_db: float = 20.0,
    ) -> None:  # fmt: skip
        super().__init__()
        check_range("Reverberation", low_s, high_s, 0.05, 5.0)
        check_range("Reverberation", low_db, high_db, -_MAX_DB, _MAX_DB)
        self.sample_rate = sample_rate
        self.low_s, self.high_s = low_s, high_s
        self.low_db, self.high_db = low_db, high_db

    def forward(self, x: Padded, generator: torch.Generator) -> Padded:
        """``(B, N)`` PCM -> ``(B, N)`` float32; what rings on behind the end is cut."""
        batch = len(x.data)
        decay_s = draw(generator, batch, self.low_s, self.high_s).float()
        ratio_db = draw(generator, batch, self.low_db, self.high_db).float()
        taps = math.ceil(self.high_s * self.sample_rate)
        noise = torch.randn(batch, taps, generator=generator)
        time_s = torch.arange(1, taps + 1) / self.sample_rate
        late = noise * torch.exp(-3 * math.log(10) * time_s / decay_s[:, None])
        energy = late.square().sum(dim=1, keepdim=True)
        late = late * (10 ** (-ratio_db[:, None] / 20)) / energy.sqrt()
        size = _fft_size(x.data.shape[1] + taps)
        room = functional.pad(late, (1, 0)).to(x.data.device, non_blocking=True)
        return _filtered(x, 1 + torch.fft.rfft(room, size), size)


def _fft_size(num_samples: int) -> int:
    """A power of two in which a filter's ringing finds room behind the end."""
    return 2 ** math.ceil(math.log2(max(2, 2 * num_samples)))


def _filtered(x: Padded, response: Tensor, size: int) -> Padded:
    """``(B, N)`` PCM through ``(B, size / 2 + 1)`` responses."""
    x = float_pcm(x)
    spectrum = torch.fft.rfft(x.data, size) * response
    return x.with_data(torch.fft.irfft(spectrum, size)[:, : x.data.shape[1]]).zeroed()
