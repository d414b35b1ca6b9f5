import numpy as np
import pytest

from rnnmm.features import fused
from rnnmm.features.filterbank import mel_filterbank


@pytest.mark.parametrize("num_frames", [1, 15, 16, 33])
@pytest.mark.parametrize("n_fft", [256, 512])  # a power of two, and a power of four, times two
def test_the_kernel_is_numpys_transform(n_fft, num_frames):
    rng = np.random.default_rng(0)
    filterbank = mel_filterbank(8000, n_fft, 20, 0, None).numpy()
    window, samples = rng.random(n_fft - 55), rng.normal(size=3000).astype(np.float32)
    out = np.zeros((num_frames + 1, 20), np.float32)
    tables = fused.make_tables(window, n_fft, filterbank)
    kernel = fused.band_power(n_fft)
    kernel(samples, 0.5, 0.0, np.zeros(num_frames), -100, 80, *tables, out[:num_frames])
    wave = np.concatenate([np.zeros(100), samples / 2, np.zeros(2000)])
    frames = np.stack([wave[t * 80 :][: len(window)] * window for t in range(num_frames)])
    expected = np.abs(np.fft.rfft(frames, n_fft)) ** 2 @ filterbank
    np.testing.assert_allclose(out[:num_frames], expected, rtol=1e-6)
    assert not out[num_frames].any()


def test_powers_of_two_are_supported():
    sizes = [n for n in range(2, 10_000) if fused.supports(n)]
    assert sizes == [64, 128, 256, 512, 1024, 2048, 4096]


def test_without_a_folder_for_it_the_kernel_is_not_kept(monkeypatch):
    kept = []

    def refusing(cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        kept.append(options)
        return lambda function: function

    monkeypatch.setattr(fused.numba, "njit", refusing)
    assert fused._kept(len) is len
    assert kept == [fused._OPTIONS]
