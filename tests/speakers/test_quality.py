import re

import numpy as np
import pytest

from rnnmm.speakers.quality import Limits, assess, clipped_fraction

RATE = 8000


def voice(seconds: float, noise_db: float = -60, peak: float = 0.5) -> np.ndarray:
    """Syllables: a buzz that comes and goes four times a second, over noise."""
    t = np.arange(round(RATE * seconds)) / RATE
    buzz = sum(np.sin(2 * np.pi * 150 * k * t) / k for k in range(1, 8))
    wave = peak * buzz / np.abs(buzz).max() * np.sin(np.pi * 4 * t) ** 2
    wave += 10 ** (noise_db / 20) * np.random.default_rng(0).standard_normal(len(t))
    return np.clip(wave * 32768, -32768, 32767).astype(np.int16)


def test_a_good_clip_has_a_good_score() -> None:
    found = assess(voice(4), RATE)
    assert found.fault is None
    assert found.duration_s == 4
    assert found.speech_s > 3
    assert found.snr_db > 20
    assert found.clipped == 0
    assert found.score == pytest.approx(1)


def test_less_of_anything_is_worth_less() -> None:
    good = assess(voice(4), RATE).score
    short, noisy = assess(voice(0.5), RATE), assess(voice(4, -18), RATE)
    cut = assess(np.clip(voice(4), -8000, 8000), RATE, Limits(max_clipped=0.5))
    for worse in (short, noisy, cut):
        assert worse.fault is None
        assert 0 < worse.score < good


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (np.zeros(0, np.int16), "no sound in it"),
        (np.zeros(RATE, np.int16), r"silence \(never above -65 dB"),
        (np.ones(RATE, np.int16) * 900, "silence"),
        (voice(0.1), r"too short \(0\.\d\d s of speech, at least 0\.15 s needed\)"),
        (np.clip(voice(2), -4000, 4000), r"clipped \(\d+\.\d% of it, at most 1\.0% allowed\)"),
        (np.random.default_rng(0).normal(0, 3000, RATE).astype(np.int16),
         r"no voice above the noise \(\d\.\d dB between loud and quiet"),
    ],
)  # fmt: skip
def test_refusals_say_why(samples: np.ndarray, reason: str) -> None:
    found = assess(samples, RATE)
    assert found.fault is not None and re.match(reason, found.fault)
    assert found.score == 0


def test_limits_are_the_callers() -> None:
    assert assess(voice(0.5), RATE, Limits(min_speech_s=2)).fault is not None
    assert assess(voice(4), RATE, Limits(min_snr_db=59)).fault is not None


def test_flat_tops_are_counted_also_when_made_quieter() -> None:
    wave = np.array([0, 9000, 20000, 20000, 20000, 0, -20000, -20000, -5, 20000], np.int16)
    assert clipped_fraction(wave) == pytest.approx(0.3)
    assert clipped_fraction(wave // 4) == pytest.approx(0.3)
    assert clipped_fraction(wave // 100) == 0  # steps of 16 bits
    assert clipped_fraction(np.full(5, -32768, np.int16)) == 1
    assert clipped_fraction(np.zeros(0, np.int16)) == 0
