import math

import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.features.augment_audio import Gain, Noise, Speed


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def tone(hz, num_samples, sample_rate=16_000):
    time = torch.arange(num_samples, dtype=torch.float64) / sample_rate
    return (0.5 * torch.sin(2 * math.pi * hz * time)).float()


def power(samples):
    return samples.double().square().mean()


def test_a_gain_is_in_decibels():
    x = Padded.stack([torch.full((4,), 8192, dtype=torch.int16)])
    found = Gain(-20.0, -20.0)(x, generator()).data
    torch.testing.assert_close(found, torch.full((1, 4), 0.025))


@pytest.mark.parametrize("colour", ["white", "pink"])
@pytest.mark.parametrize("snr_db", [-5.0, 20.0])
def test_noise_has_the_level_asked_for(colour, snr_db):
    x = Padded.stack([tone(440, 60_000), 0.01 * tone(200, 30_000)])
    y = Noise(snr_db, snr_db, colour)(x, generator())
    for clean, noisy in zip(x.rows(), y.rows(), strict=True):
        found_db = 10 * torch.log10(power(clean) / power(noisy - clean))
        assert abs(float(found_db) - snr_db) < (0.3 if colour == "white" else 3)


@pytest.mark.parametrize(("colour", "slope_db"), [("white", 0.0), ("pink", -3.01)])
def test_noise_has_its_colour(colour, slope_db):
    spectrum = torch.fft.rfft(Noise(colour=colour).noise).abs().square()
    octaves = [spectrum[2**k : 2 ** (k + 1)].mean() for k in range(9, 17)]
    slopes = torch.stack(octaves).log10().mul(10).diff()
    torch.testing.assert_close(slopes.mean().item(), slope_db, atol=0.1, rtol=0)


def test_noise_goes_on_without_a_seam_past_its_end():
    samples = 2**18 + 1000
    stage = Noise(0.0, 0.0)
    noise = stage(Padded.stack([torch.ones(samples)]), generator()).data[0] - 1
    torch.testing.assert_close(noise[:1000], noise[2**18 :])
    assert noise.square().mean().sqrt().item() == pytest.approx(1, abs=0.01)


def test_silence_stays_silent():
    assert not Noise()(Padded.stack([torch.zeros(500)]), generator()).data.any()


def test_utterances_hear_different_noise():
    y = Noise(0.0, 0.0)(Padded.stack([torch.ones(500)] * 2), generator())
    assert not torch.allclose(y.data[0], y.data[1])


@pytest.mark.parametrize("rate", [0.5, 0.83, 0.9, 1.0, 1.1, 2.0])
@pytest.mark.parametrize("hz", [100, 1000, 3300])
def test_speed_scales_pitch_and_length(rate, hz):
    x = Padded.stack([tone(hz, 4000), torch.randn(777)])
    y = Speed(rate, rate)(x, generator())
    assert y.lengths.tolist() == [math.floor(n / rate + 0.5) for n in (4000, 777)]
    found, expected = y.rows()[0], tone(hz * rate, int(y.lengths[0]))
    torch.testing.assert_close(found[100:-100], expected[100:-100], atol=1e-3, rtol=0)


def test_speed_lets_nothing_alias():
    y = Speed(2.0, 2.0)(Padded.stack([tone(5000, 8000)]), generator()).data[0]  # 10 kHz: above
    assert power(y[100:-100]) < 1e-6 * 0.125


def test_speeds_are_drawn_per_utterance_in_hundredths():
    x = Padded.stack([torch.randn(10_000)] * 40)
    lengths = Speed(0.9, 1.1)(x, generator()).lengths
    assert (lengths.min() >= 9091) and (lengths.max() <= 11_111)
    rates = 10_000 / lengths
    torch.testing.assert_close(rates, (rates * 100).round() / 100, atol=1e-4, rtol=0)
    assert len(lengths.unique()) > 10


def test_autocast_does_not_round_the_sound():
    x = Padded.stack([tone(440, 2000)])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = Speed(0.9, 0.9)(x, generator())
    assert torch.equal(found.data, Speed(0.9, 0.9)(x, generator()).data)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Gain(-200.0, 0.0), r"Gain: expected -100 <= low <= high <= 100, got -200 and 0"),
        (lambda: Noise(30.0, 20.0), r"Noise: expected -100 <= low <= high <= 100, got 30 and 20"),
        (lambda: Noise(colour="blue"), "Noise: expected colour white or pink, got 'blue'"),
        (lambda: Speed(0.1, 1.0), r"Speed: expected 0.5 <= low <= high <= 2, got 0.1 and 1"),
    ],
)
def test_arguments_are_checked(make, message):
    with pytest.raises(ValueError, match=message):
        make()
