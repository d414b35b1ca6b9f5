"""Where there is sound worth listening to: energy against the clip's own floor."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rnnmm.decode.segments import bridged, runs
from rnnmm.units import seconds_to_samples

Pcm = NDArray[np.int16]
Levels = NDArray[np.float64]


class Detect(Protocol):
    """What finds speech, as `speech_segments` does."""

    def __call__(self, samples: Pcm, sample_rate: int, /) -> NDArray[np.float64]:
        """``(N,)`` int16 PCM, Hz -> ``(I, 2)`` start and end in seconds, in order and apart."""
        ...


FULL_SCALE = 32768.0
_WINDOW_S = 0.025
_HOP_S = 0.01
# Full scale is 0 dB. Below this nothing is speech: the last bit or two of 16.
SILENCE_DB = -65.0
_BELOW_PEAK_DB = 30.0
# A clip without pauses has its floor near its peak: what is this near the peak is speech anyway.
_NEAR_PEAK_DB = 10.0


def frame_levels_db(samples: Pcm, sample_rate: int) -> Levels:
    """``(N,)`` int16 PCM -> ``(T,)`` the level of each 25 ms, every 10 ms, in dB of full scale.

    A clip shorter than a frame is one frame; no samples give no frames. Digital silence is at
    -120 dB. A constant offset counts as nothing.
    """
    if not len(samples):
        return np.zeros(0)
    window, hop = _frame_samples(sample_rate)
    window = min(len(samples), window)
    wave = samples / FULL_SCALE
    energies = np.concatenate([[0.0], np.cumsum((wave - wave.mean()) ** 2)])
    starts = np.arange(0, len(samples) - window + 1, hop)
    powers = (energies[starts + window] - energies[starts]) / window
    return np.asarray(10 * np.log10(np.maximum(powers, 1e-12)), np.float64)


def speech_segments(
    samples: Pcm, sample_rate: int, min_pause_s: float = 0.3, min_speech_s: float = 0.1
) -> NDArray[np.float64]:
    """Finds stretches of sound by their energy; a detector for quiet surroundings.

    A frame counts where it is nearer to the loudest twentieth than to the floor (the level that a
    tenth of the frames stay under), in dB, and within 30 dB of the loudest; where these are so
    near each other that there can be no pauses, within 10 dB of it. Nothing below -65 dB of full
    scale counts.

    Args:
        samples: ``(N,)`` int16 PCM.
        sample_rate: Hz.
        min_pause_s: shorter gaps are speech, >= 0.
        min_speech_s: shorter stretches, after that, are not, >= 0.

    Returns:
        ``(I, 2)`` half-open start and end in seconds, in order and apart.
    """
    levels = frame_levels_db(samples, sample_rate)
    if not len(levels):
        return np.zeros((0, 2))
    window, hop = _frame_samples(sample_rate)
    spans = hop * runs(levels >= _threshold_db(levels))  # (I, 2) samples
    spans[:, 1] = np.minimum(spans[:, 1] + window - hop, len(samples))
    spans = bridged(spans / sample_rate, min_pause_s)
    return np.asarray(spans[spans[:, 1] - spans[:, 0] >= min_speech_s], np.float64)


def _frame_samples(sample_rate: int) -> tuple[int, int]:
    """Of a frame, and from one to the next: whole ones, so at 11,025 Hz not quite 10 ms."""
    return seconds_to_samples(_WINDOW_S, sample_rate), seconds_to_samples(_HOP_S, sample_rate)


def _threshold_db(levels: Levels) -> float:
    floor, peak = np.percentile(levels, [10, 95])
    quietest = max((floor + peak) / 2, peak - _BELOW_PEAK_DB)
    return float(max(min(quietest, peak - _NEAR_PEAK_DB), SILENCE_DB))
