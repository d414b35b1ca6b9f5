import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.features.augment_babble import Babble


def test_the_babble_has_the_power_that_was_asked_for() -> None:
    torch.manual_seed(0)
    x = Padded.stack([0.1 * torch.randn(n) for n in (16_000, 9_000)])
    for snr_db in (-5.0, 0.0, 20.0):
        y = Babble(snr_db, snr_db)(x, torch.Generator().manual_seed(1))
        for speech, mixed in zip(x.rows(), y.rows()):
            ratio = speech.square().mean() / (mixed - speech).square().mean()
            assert 10 * ratio.log10().item() == pytest.approx(snr_db, abs=1e-3)


def test_the_voices_are_the_utterance_elsewhere_and_backwards() -> None:
    torch.manual_seed(0)
    speech = torch.randn(4000)
    babble = (
        Babble(0, 0, 2)(Padded.stack([speech]), torch.Generator().manual_seed(1)).data[0] - speech
    )
    spectrum = torch.fft.rfft(babble)
    peaks = [
        torch.fft.irfft(spectrum * torch.fft.rfft(voice).conj()).abs().max() / 4000
        for voice in (speech, speech.flip(0), torch.randn(4000))
    ]
    assert min(peaks[:2]) > 0.5 > 0.2 > peaks[2]  # of power 1, one half each


def test_silence_stays_silent_and_bad_ratios_are_refused() -> None:
    y = Babble()(Padded.stack([torch.zeros(50)]), torch.Generator())
    assert not y.data.any()
    with pytest.raises(ValueError, match="Babble: expected -100 <= low <= high <= 100, got 3"):
        Babble(3.0, 2.0)
