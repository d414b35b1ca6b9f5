import numpy as np
import pytest

from rnnmm.speakers.activity import frame_levels_db, speech_segments

RATE = 8000


def noise(seconds: float, level_db: float, seed: int = 0) -> np.ndarray:
    wave = np.random.default_rng(seed).standard_normal(round(RATE * seconds))
    return (wave * 32768 * 10 ** (level_db / 20)).astype(np.int16)


def test_levels_are_in_db_of_full_scale() -> None:
    assert frame_levels_db(noise(0.5, -20), RATE) == pytest.approx(-20, abs=2)
    assert len(frame_levels_db(noise(0.5, -20), RATE)) == 1 + (4000 - 200) // 80
    assert frame_levels_db(np.full(400, 5000, np.int16), RATE) == pytest.approx(-120)
    assert len(frame_levels_db(noise(0.01, -20), RATE)) == 1
    assert len(frame_levels_db(np.zeros(0, np.int16), RATE)) == 0


def test_levels_are_those_of_each_frame_alone() -> None:
    samples = noise(0.2, -10, 1)
    wave = samples / 32768 - (samples / 32768).mean()
    frames = [wave[start : start + 200] for start in range(0, len(wave) - 199, 80)]
    expected = [10 * np.log10((frame**2).mean()) for frame in frames]
    assert frame_levels_db(samples, RATE) == pytest.approx(expected)


@pytest.mark.parametrize("floor_db", [-90, -50, -32])
def test_bursts_are_found_over_any_floor(floor_db: float) -> None:
    samples = noise(4, floor_db)
    samples[RATE : 2 * RATE] = noise(1, -15, 1)
    samples[3 * RATE : 3 * RATE + 4000] = noise(0.5, -18, 2)
    found = speech_segments(samples, RATE)
    assert found == pytest.approx(np.array([[1.0, 2.0], [3.0, 3.5]]), abs=0.03)


def test_short_pauses_belong_to_speech_and_clicks_do_not() -> None:
    samples = noise(3, -80)
    samples[8000:12000], samples[13600:16000] = noise(0.5, -15, 1), noise(0.3, -15, 2)
    samples[20000:20160] = noise(0.02, -10, 3)
    assert speech_segments(samples, RATE) == pytest.approx(np.array([[1.0, 2.0]]), abs=0.03)
    apart = speech_segments(samples, RATE, min_pause_s=0.1, min_speech_s=0)
    assert len(apart) == 3


def test_sound_without_pauses_is_speech_and_silence_is_none() -> None:
    assert speech_segments(noise(1, -20), RATE) == pytest.approx(np.array([[0, 1]]), abs=0.02)
    for silence in (np.zeros(RATE, np.int16), noise(1, -80), np.zeros(0, np.int16)):
        assert speech_segments(silence, RATE).shape == (0, 2)


@pytest.mark.parametrize("rate", [11_025, 22_050, 16_000])
def test_an_hour_on_speech_is_where_it_is_whatever_the_rate(rate: int) -> None:
    samples = np.zeros(3600 * rate, np.int16)
    samples[3590 * rate : 3595 * rate] = np.resize(noise(5, -20), 5 * rate)
    assert speech_segments(samples, rate) == pytest.approx(np.array([[3590, 3595]]), abs=0.03)
    samples[:] = 0
    samples[3597 * rate :] = np.resize(noise(3, -20), 3 * rate)
    assert speech_segments(samples, rate) == pytest.approx(np.array([[3597, 3600]]), abs=0.03)
