import librosa
import numpy as np
import pytest
import scipy.fft
import torch

from rnnmm.features.filterbank import (
    checked_rate,
    dct_matrix,
    hann_window,
    kaldi_filterbank,
    mel_filterbank,
    next_power_of_two,
    povey_window,
    to_samples,
)


def test_a_time_becomes_whole_samples_half_up():
    assert [to_samples("hop_ms", 10, rate) for rate in (8_000, 16_000, 22_050)] == [80, 160, 221]
    with pytest.raises(ValueError, match=r"expected hop_ms of at least one sample, got 0.01 ms"):
        to_samples("hop_ms", 0.01, 16_000)


def test_next_power_of_two():
    assert [next_power_of_two(n) for n in (1, 2, 3, 256, 257, 400)] == [1, 2, 4, 256, 512, 512]


def test_the_window_lies_in_the_middle():
    expected = librosa.util.pad_center(librosa.filters.get_window("hann", 401), size=512)
    np.testing.assert_allclose(hann_window(401, 512).numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("n_fft", [398, 401])
def test_the_window_must_fit(n_fft):
    with pytest.raises(ValueError, match=f"an even n_fft of at least .* 400 samples, got {n_fft}"):
        hann_window(400, n_fft)


def test_the_dct_is_orthonormal():
    matrix = dct_matrix(80, 80)
    expected = scipy.fft.dct(np.eye(80), type=2, norm="ortho", axis=1)
    np.testing.assert_allclose(matrix.numpy(), expected, atol=1e-6)
    assert torch.equal(dct_matrix(80, 13), matrix[:, :13])
    for count in (0, 81):
        with pytest.raises(ValueError, match=f"expected 1 <= num_mfcc <= 80 mels, got {count}"):
            dct_matrix(80, count)


def test_filters_are_librosas():
    expected = librosa.filters.mel(sr=16_000, n_fft=512, n_mels=40, fmin=50, fmax=7000)
    np.testing.assert_array_equal(mel_filterbank(16_000, 512, 40, 50, 7000).numpy(), expected.T)


@pytest.mark.parametrize(("low", "high"), [(-1, None), (0, 8001), (500, 500)])
def test_the_band_must_lie_below_half_the_sample_rate(low, high):
    with pytest.raises(ValueError, match=r"expected 0 <= fmin_hz < fmax_hz <= 8000, half the"):
        mel_filterbank(16_000, 512, 40, low, high)


def test_every_filter_must_hold_a_bin():
    with pytest.raises(ValueError, match=r"\d+ of 200 mel bands .* hold no frequency bin; lower"):
        mel_filterbank(16_000, 256, 200, 0, None)
    with pytest.raises(ValueError, match="expected num_mels >= 1, got 0"):
        mel_filterbank(16_000, 512, 0, 0, None)


def test_kaldis_filters_are_triangles_that_meet_at_their_centres():
    filterbank = kaldi_filterbank(16_000, 4096, 20, 100, 7000)
    inside = filterbank[27:1790]  # from 105 Hz on; to 6,988 Hz
    sums = inside[40:-200].sum(1)
    torch.testing.assert_close(sums, torch.ones_like(sums), atol=1e-5, rtol=0)
    assert filterbank.amax(0).min() > 0.9
    assert not filterbank[:25].any()
    assert not filterbank[1793:].any()
    with pytest.raises(ValueError, match=r"\d+ of 200 mel bands .* hold no frequency bin"):
        kaldi_filterbank(16_000, 256, 200, 20, None)
    with pytest.raises(ValueError, match=r"expected 0 <= fmin_hz < fmax_hz <= 8000"):
        kaldi_filterbank(16_000, 512, 40, 20, 9000)


def test_poveys_window_is_zero_at_its_ends():
    window = povey_window(401)
    assert (window[0], window[200]) == (0, 1)
    torch.testing.assert_close(window, window.flip(0))
    torch.testing.assert_close(window[100].item(), 0.5**0.85)


def test_the_rate_of_the_input_is_checked():
    assert checked_rate(16_000, 16_000.0) == 16_000
    with pytest.raises(ValueError, match=r"expected PCM at 16000 Hz, got 8000 Hz; give"):
        checked_rate(16_000, 8_000)
