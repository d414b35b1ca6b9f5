"""The constants of spectral features: windows, mel filters, cosine transform."""

import math
import warnings

import librosa
import torch
from torch import Tensor
from torch.nn import functional

from rnnmm.units import seconds_to_samples


def to_samples(name: str, milliseconds: float, sample_rate: int) -> int:
    """A window or a hop in whole samples.

    Raises:
        ValueError: It is shorter than a sample.
    """
    samples = seconds_to_samples(milliseconds / 1000, sample_rate)
    if samples < 1:
        raise ValueError(
            f"features: expected {name} of at least one sample, got {milliseconds} ms "
            f"at {sample_rate} Hz"
        )
    return samples


def checked_rate(sample_rate: int, input_rate: float) -> int:
    """The sample rate, if the input has it.

    Raises:
        ValueError: It has another.
    """
    if input_rate != sample_rate:
        raise ValueError(
            f"features: expected PCM at {sample_rate} Hz, got {input_rate:g} Hz; "
            "give the features the sample_rate of the store"
        )
    return sample_rate


def next_power_of_two(n: int) -> int:
    """The smallest power of two >= n."""
    return 1 << (n - 1).bit_length()


def hann_window(length: int, n_fft: int) -> Tensor:
    """A periodic Hann window between zeros, ``(n_fft,)`` float64.

    Raises:
        ValueError: ``n_fft`` is odd, or shorter than the window.
    """
    if n_fft % 2 or n_fft < length:
        raise ValueError(
            f"features: expected an even n_fft of at least the window's {length} samples, "
            f"got {n_fft}"
        )
    before = (n_fft - length) // 2
    window = torch.hann_window(length, dtype=torch.float64)
    return functional.pad(window, (before, n_fft - length - before))


def mel_filterbank(
    sample_rate: int, n_fft: int, num_mels: int, fmin_hz: float, fmax_hz: float | None
) -> Tensor:
    """Slaney's mel filters as columns, ``(n_fft/2 + 1, num_mels)`` float32.

    Raises:
        ValueError: The band leaves 0..sample_rate/2; there is no filter, or one without a bin.
    """
    top_hz = _top_hz(sample_rate, num_mels, fmin_hz, fmax_hz)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # librosa warns of empty filters; here they are an error
        filters = librosa.filters.mel(
            sr=sample_rate, n_fft=n_fft, n_mels=num_mels, fmin=fmin_hz, fmax=top_hz
        )
    filterbank = torch.from_numpy(filters.T.copy())
    _check_filled(filterbank, n_fft, fmin_hz, top_hz)
    return filterbank


def povey_window(length: int) -> Tensor:
    """Kaldi's own window, a Hann window to the power 0.85, ``(length,)`` float64; zero at 0."""
    return torch.hann_window(length, periodic=False, dtype=torch.float64) ** 0.85


def kaldi_filterbank(
    sample_rate: int, n_fft: int, num_mels: int, fmin_hz: float, fmax_hz: float | None
) -> Tensor:
    """Triangles of height one on the scale ``1127 ln(1 + f / 700)``, ``(n_fft/2 + 1, num_mels)``.

    The bin of half the sample rate is in none of them.

    Raises:
        ValueError: As `mel_filterbank`.

    Source: Kaldi's feat/mel-computations.cc.
    """
    top_hz = _top_hz(sample_rate, num_mels, fmin_hz, fmax_hz)
    bins_hz = torch.arange(n_fft // 2 + 1, dtype=torch.float64) * sample_rate / n_fft
    low, high = _kaldi_mel(torch.tensor([fmin_hz, top_hz], dtype=torch.float64))
    width = (high - low) / (num_mels + 1)
    left = low + width * torch.arange(num_mels)
    rise = (_kaldi_mel(bins_hz)[:, None] - left) / width  # (n_fft/2 + 1, M), 1 at the centre
    filterbank = torch.minimum(rise, 2 - rise).clamp(min=0).float()
    filterbank[-1] = 0
    _check_filled(filterbank, n_fft, fmin_hz, top_hz)
    return filterbank


def dct_matrix(num_mels: int, num_mfcc: int) -> Tensor:
    """The first columns of the orthonormal DCT-II, ``(num_mels, num_mfcc)`` float32.

    Raises:
        ValueError: ``num_mfcc`` is not within 1..num_mels.
    """
    if not 1 <= num_mfcc <= num_mels:
        raise ValueError(f"features: expected 1 <= num_mfcc <= {num_mels} mels, got {num_mfcc}")
    band = torch.arange(num_mels, dtype=torch.float64)[:, None]
    order = torch.arange(num_mfcc, dtype=torch.float64)
    cosines = torch.cos(math.pi / num_mels * (band + 0.5) * order) * math.sqrt(2 / num_mels)
    cosines[:, 0] = math.sqrt(1 / num_mels)
    return cosines.float()


def _kaldi_mel(hz: Tensor) -> Tensor:
    return 1127 * torch.log1p(hz / 700)


def _top_hz(sample_rate: int, num_mels: int, fmin_hz: float, fmax_hz: float | None) -> float:
    top_hz = sample_rate / 2 if fmax_hz is None else fmax_hz
    if not 0 <= fmin_hz < top_hz <= sample_rate / 2:
        raise ValueError(
            f"features: expected 0 <= fmin_hz < fmax_hz <= {sample_rate / 2:g}, half the sample "
            f"rate, got {fmin_hz:g} and {top_hz:g}"
        )
    if num_mels < 1:
        raise ValueError(f"features: expected num_mels >= 1, got {num_mels}")
    return top_hz


def _check_filled(filterbank: Tensor, n_fft: int, fmin_hz: float, top_hz: float) -> None:
    num_empty = int((filterbank.amax(dim=0) == 0).sum())
    if num_empty:
        raise ValueError(
            f"features: {num_empty} of {filterbank.shape[1]} mel bands between {fmin_hz:g} and "
            f"{top_hz:g} Hz hold no frequency bin; lower num_mels, or raise window_ms or n_fft "
            f"(now {n_fft})"
        )
