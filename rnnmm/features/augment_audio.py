"""Random changes of sound. All take PCM as int16 or float and give float32 of full scale 1.

Nothing is clipped to full scale: the features that follow have no such limit.
"""

import math
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from rnnmm.batch import Padded
from rnnmm.features.draw import FASTEST, SLOWEST, check_range, draw, scaled_length
from rnnmm.features.pcm import amplitude, float_pcm
from rnnmm.features.stage import Augmentation
from rnnmm.units import round_half_up

_MAX_DB = 100.0
_NOISE_SAMPLES = 2**18  # 16 s at 16 kHz; longer clips hear it again
_RATE_STEPS = 100  # rates are whole hundredths
_ZERO_CROSSINGS = 32  # of the resampling filter, to either side
_PASSBAND = 0.95  # of the lower Nyquist frequency; above, the filter falls off


class Gain(Augmentation):
    """Makes each utterance louder or softer.

    Args:
        low_db: -100..100, the least gain.
        high_db: low_db..100, the largest.

    Raises:
        ValueError: Not ``-100 <= low_db <= high_db <= 100``.
    """

    def __init__(self, low_db: float = -10.0, high_db: float = 10.0) -> None:
        super().__init__()
        check_range("Gain", low_db, high_db, -_MAX_DB, _MAX_DB)
        self.low_db = low_db
        self.high_db = high_db

    def forward(self, x: Padded, generator: torch.Generator) -> Padded:
        """``(B, N)`` PCM -> ``(B, N)`` float32."""
        gain_db = draw(generator, len(x.data), self.low_db, self.high_db)
        x = float_pcm(x)
        return x.with_data(x.data * amplitude(gain_db, x.data)[:, None])


class Noise(Augmentation):
    """Adds stationary noise at a random level below (or above) the utterance's own power.

    All noise is cut from one stretch of 2^18 samples made here, at a random place, going on at its
    start after its end: the same on every device, and far cheaper than drawing each sample.
    Digital silence stays silent.

    Args:
        low_snr_db: -100..100, the lowest signal-to-noise ratio, the most noise.
        high_snr_db: low_snr_db..100, the highest.
        colour: "white" (equal power per Hz) or "pink" (equal power per octave).

    Raises:
        ValueError: Not ``-100 <= low_snr_db <= high_snr_db <= 100``; another colour.
    """

    noise: Tensor

    def __init__(
        self,
        low_snr_db: float = 10.0,
        high_snr_db: float = 40.0,
        colour: Literal["white", "pink"] = "white",
    ) -> None:
        super().__init__()
        check_range("Noise", low_snr_db, high_snr_db, -_MAX_DB, _MAX_DB)
        if colour not in ("white", "pink"):
            raise ValueError(f"Noise: expected colour white or pink, got {colour!r}")
        self.low_snr_db = low_snr_db
        self.high_snr_db = high_snr_db
        self.register_buffer("noise", _noise(pink=colour == "pink"), persistent=False)

    def forward(self, x: Padded, generator: torch.Generator) -> Padded:
        """``(B, N)`` PCM -> ``(B, N)`` float32."""
        batch, num_samples = x.data.shape
        chance = torch.rand(batch, 2, generator=generator, dtype=torch.float64)
        snr_db = self.low_snr_db + (self.high_snr_db - self.low_snr_db) * chance[:, 0]
        starts = (chance[:, 1] * len(self.noise)).long()
        x = float_pcm(x)
        count = x.lengths.clamp(min=1).to(x.data.device, non_blocking=True)
        level = (x.data.square().sum(dim=1) / count).sqrt()  # (B,), the root mean square
        noise = torch.stack([self._cut(start, num_samples) for start in starts.tolist()])
        scale = level * amplitude(-snr_db, x.data)
        return x.with_data(x.data + scale[:, None] * noise).zeroed()

    def _cut(self, start: int, num_samples: int) -> Tensor:
        num_turns = math.ceil((start + num_samples) / len(self.noise))
        return torch.cat([self.noise] * max(1, num_turns))[start : start + num_samples]


class Speed(Augmentation):
    """Plays each utterance faster and higher, or slower and lower.

    Resampled by a Hann-windowed sinc: within 0.01 dB up to 0.9 of the lower Nyquist frequency,
    aliases 60 dB down. Rates are whole hundredths. An utterance gets the length ``N / rate``, and
    so fewer frames for its transcript at rates above 1.

    Args:
        low: 0.5..2, the slowest rate.
        high: low..2, the fastest.

    Raises:
        ValueError: Not ``0.5 <= low <= high <= 2``.

    Source: Ko et al. 2015, "Audio augmentation for speech recognition".
    """

    def __init__(self, low: float = 0.9, high: float = 1.1) -> None:
        super().__init__()
        check_range("Speed", low, high, SLOWEST, FASTEST)
        self.low = low
        self.high = high

    def forward(self, x: Padded, generator: torch.Generator) -> Padded:
        """``(B, N)`` PCM -> ``(B, N')`` float32."""
        rates = draw(generator, len(x.data), self.low, self.high).tolist()
        hops = [round_half_up(rate * _RATE_STEPS) for rate in rates]
        with torch.autocast(x.data.device.type, enabled=False):
            rows = zip(float_pcm(x).rows(), hops)
            return Padded.stack([_at_speed(samples, hop) for samples, hop in rows])


def _noise(pink: bool) -> Tensor:
    """Noise of root mean square 1 whose end joins its start, ``(2^18,)`` float32."""
    white = torch.randn(_NOISE_SAMPLES, generator=torch.Generator().manual_seed(0))
    spectrum = torch.fft.rfft(white)
    spectrum[0] = 0
    if pink:
        spectrum[1:] /= torch.arange(1, len(spectrum)).sqrt()
    noise: Tensor = torch.fft.irfft(spectrum, _NOISE_SAMPLES)
    return noise / noise.square().mean().sqrt()


def _at_speed(samples: Tensor, hop: int) -> Tensor:
    """Resamples ``(N,)``: every 100 output samples come from ``hop`` input samples."""
    if hop == _RATE_STEPS:
        return samples
    length = scaled_length(len(samples), hop / _RATE_STEPS)
    num_blocks = math.ceil(length / _RATE_STEPS)
    kernel, reach = _speed_kernel(hop)
    missing = (num_blocks - 1) * hop + len(kernel) - reach - len(samples)
    padded = functional.pad(samples, (reach, max(0, missing)))
    blocks = padded.unfold(0, len(kernel), hop)[:num_blocks]  # (blocks, taps)
    resampled: Tensor = blocks @ kernel.to(samples.device, non_blocking=True)  # (blocks, 100)
    return resampled.flatten()[:length]


def _speed_kernel(hop: int) -> tuple[Tensor, int]:
    """Weights ``(taps, 100)`` of input samples in a block of output, and taps before the block."""
    cutoff = _PASSBAND * min(1.0, _RATE_STEPS / hop)  # of the input's Nyquist frequency
    reach = math.ceil(_ZERO_CROSSINGS / cutoff)
    taps = torch.arange(-reach, hop + reach + 1, dtype=torch.float64)[:, None]
    places = torch.arange(_RATE_STEPS, dtype=torch.float64) * hop / _RATE_STEPS
    crossings = (taps - places) * cutoff
    window = torch.cos(crossings * (math.pi / 2 / _ZERO_CROSSINGS)).square()
    window = torch.where(crossings.abs() < _ZERO_CROSSINGS, window, 0)
    kernel = torch.sinc(crossings) * window
    return (kernel / kernel.sum(dim=0)).float(), reach
