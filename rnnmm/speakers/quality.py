"""Whether a clip is good enough to know a voice by, and why not."""

from dataclasses import dataclass

import numpy as np

from rnnmm.speakers.activity import SILENCE_DB, Pcm, frame_levels_db, speech_segments

# A sample within this of the clip's greatest is at its top: rounding of a clipped wave.
_TOP = 0.999
# Voices and waves pass their top in one or two samples; more in a row are a flat top.
_FLAT_RUN = 3
# Below this the 16 bits themselves make steps: a quiet wave is flat at its top without fault.
_MIN_TOP = 1000
# Where more of anything would not help: the score's full marks.
_ENOUGH_SPEECH_S = 3.0
_ENOUGH_SNR_DB = 20.0
_MAX_SNR_DB = 60.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What a clip must have.

    Args:
        min_speech_s: of sound above the clip's floor, > 0; a spoken digit has about 0.4 s.
        min_snr_db: between the loudest and the quietest parts. Steady sound, of whatever kind,
            has nearly none.
        max_clipped: the fraction of samples at a flat top, in [0, 1].
    """

    min_speech_s: float = 0.15
    min_snr_db: float = 6.0
    max_clipped: float = 0.01


@dataclass(frozen=True, slots=True)
class Quality:
    """What is known of a clip before anybody listens.

    duration_s: of the clip. speech_s: of the sound in it. snr_db: 0 to 60, the level of the
    loudest tenth over that of the quietest. clipped: the fraction of samples at a flat top.
    score: 0 (refused) to 1. fault: why it is refused; None: it is not.
    """

    duration_s: float
    speech_s: float
    snr_db: float
    clipped: float
    score: float
    fault: str | None


def assess(samples: Pcm, sample_rate: int, limits: Limits | None = None) -> Quality:
    """Measures a clip; what is wrong with it is an answer, not an error.

    Args:
        samples: ``(N,)`` int16 PCM, N >= 0.
        sample_rate: Hz.
        limits: None: the defaults.
    """
    limits = Limits() if limits is None else limits
    levels = frame_levels_db(samples, sample_rate)
    segments = speech_segments(samples, sample_rate)
    duration_s, speech_s = len(samples) / sample_rate, float(np.diff(segments).sum())
    snr_db, clipped = _snr_db(levels), clipped_fraction(samples)
    fault = _fault(len(samples), levels, speech_s, snr_db, clipped, limits)
    parts = (speech_s / _ENOUGH_SPEECH_S, snr_db / _ENOUGH_SNR_DB,
             1 - clipped / limits.max_clipped if limits.max_clipped else 1.0)  # fmt: skip
    marks = np.clip(parts, 0, 1)
    score = 0.0 if fault else float(np.cbrt(marks.prod()))
    return Quality(duration_s, speech_s, snr_db, clipped, score, fault)


def clipped_fraction(samples: Pcm) -> float:
    """The part of the samples that lie in flat tops: three or more in a row at the greatest value.

    So a clip that was cut off and made quieter afterwards is found, too, down to 30 dB below full
    scale.
    """
    size = np.abs(samples.astype(np.int32))
    peak = int(size.max(initial=0))
    if peak < _MIN_TOP:
        return 0.0
    is_top = np.concatenate([[False], size >= _TOP * peak, [False]])
    edges = np.flatnonzero(np.diff(is_top.astype(np.int8)))
    runs = edges[1::2] - edges[::2]
    return float(runs[runs >= _FLAT_RUN].sum() / len(samples))


def _snr_db(levels: np.ndarray) -> float:
    if not len(levels):
        return 0.0
    low, high = np.percentile(levels, [10, 90])
    return float(np.clip(high - low, 0, _MAX_SNR_DB))


def _fault(
    num_samples: int,
    levels: np.ndarray,
    speech_s: float,
    snr_db: float,
    clipped: float,
    limits: Limits,
) -> str | None:
    if not num_samples:
        return "no sound in it"
    if levels.max() < SILENCE_DB:
        return f"silence (never above {SILENCE_DB:g} dB of full scale)"
    if clipped > limits.max_clipped:
        return f"clipped ({clipped:.1%} of it, at most {limits.max_clipped:.1%} allowed)"
    if speech_s < limits.min_speech_s:
        return f"too short ({speech_s:.2f} s of speech, at least {limits.min_speech_s:g} s needed)"
    if snr_db < limits.min_snr_db:
        return (
            f"no voice above the noise ({snr_db:.1f} dB between loud and quiet, at least "
            f"{limits.min_snr_db:g} dB needed)"
        )
    return None
