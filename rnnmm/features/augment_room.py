"""Random microphones and rooms: PCM as int16 or float to float32 of full scale 1."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from rnnmm.batch import Padded
from rnnmm.features.draw import check_range
from rnnmm.features.pcm import float_pcm
from rnnmm.features.stage import Augmentation

_MAX_DB = 100.0
_TAPS = 512  # of the filter that stands for a microphone


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
        shape = (len(x.data), 1, self.num_knots)
        chance = torch.rand(shape, generator=generator, dtype=torch.float64)
        curves_db = functional.interpolate(
            self.most_db * (2 * chance - 1), _TAPS // 2 + 1, mode="linear", align_corners=True
        )
        impulses = torch.fft.irfft(10 ** (curves_db.squeeze(1) / 20), _TAPS)  # (B, taps)
        window = torch.hann_window(_TAPS, dtype=torch.float64)
        kernels = torch.roll(impulses, _TAPS // 2, dims=1) * window
        return _convolved(x, kernels, _TAPS // 2)


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
        taps = math.ceil(self.high_s * self.sample_rate)
        shape = (len(x.data), taps + 2)
        chance = torch.rand(shape, generator=generator, dtype=torch.float64)
        decay_s = self.low_s + (self.high_s - self.low_s) * chance[:, :1]
        ratio_db = self.low_db + (self.high_db - self.low_db) * chance[:, 1:2]
        time_s = torch.arange(1, taps + 1, dtype=torch.float64) / self.sample_rate
        late = (2 * chance[:, 2:] - 1) * torch.exp(-3 * math.log(10) * time_s / decay_s)
        energy = late.square().sum(dim=1, keepdim=True)
        late = late * (10 ** (-ratio_db / 20)) / energy.sqrt()
        return _convolved(x, functional.pad(late, (1, 0), value=1.0), 0)


def _convolved(x: Padded, kernels: Tensor, centre: int) -> Padded:
    """``(B, N)`` PCM by ``(B, taps)`` kernels, of which tap ``centre`` stands for now."""
    x = float_pcm(x)
    num_samples = x.data.shape[1]
    size = 2 ** math.ceil(math.log2(num_samples + kernels.shape[1]))
    response = torch.fft.rfft(kernels.float().to(x.data.device, non_blocking=True), size)
    sound = torch.fft.irfft(torch.fft.rfft(x.data, size) * response, size)
    return x.with_data(sound[:, centre : centre + num_samples]).zeroed()
