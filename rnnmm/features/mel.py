"""Log-mel spectra and MFCC of a batch of PCM, equal to librosa's.

On a CPU each clip is computed alone, in blocks of frames that stay in the cache of a core: the
same transforms over a whole batch at once are slower than one clip after the other.
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional

from rnnmm.batch import Padded
from rnnmm.features.filterbank import (
    dct_matrix,
    hann_window,
    mel_filterbank,
    next_power_of_two,
    to_samples,
)
from rnnmm.features.pcm import float_pcm
from rnnmm.features.stage import Stage

POWER_FLOOR = 1e-10  # librosa's amin: silence is -100 dB

_CPU_FRAMES = 256  # per block; measured flat from 192 to 512, a third slower at 64
_DEVICE_FRAMES = 2**14  # bounds a block's memory: 64 MiB per intermediate at n_fft = 512
_BAND_MELS = 16  # filters multiplied together, over the bins they cover and no more


class LogMel(Stage):
    """Power in mel bands in decibels, ``10 log10(max(1e-10, power))``.

    Frame t is centred on sample ``t * hop``, with silence before and after the clip, so that even
    an empty clip has one frame. A frame depends on the samples under its window alone, unless
    ``top_db`` is set. The spectrum is computed in float64, as librosa does: in float32, rounding
    shows as 0.1 dB in bands 100 dB below a tone. Autocast changes nothing.

    Args:
        sample_rate: Hz, of the PCM.
        num_mels: mel bands on Slaney's scale, each filter of unit area.
        window_ms: length of the Hann window, milliseconds.
        hop_ms: step between frames, milliseconds, rounded to whole samples.
        fmin_hz: lower edge of the lowest band.
        fmax_hz: upper edge of the highest band; None: half the sample rate.
        n_fft: even, no shorter than the window; None: the next power of two.
        top_db: > 0; values further than this below the loudest of their clip are raised to it.
            None: none are.

    Raises:
        ValueError: The window or the hop is shorter than a sample; ``n_fft`` is odd or shorter
            than the window; the bands leave 0..sample_rate/2; a band is so narrow that no
            frequency bin falls into it; ``top_db`` is not positive.

    Source: ``librosa.power_to_db(librosa.feature.melspectrogram(pad_mode="constant", ...))``.
    """

    window: Tensor
    filterbank: Tensor

    def __init__(
        self,
        sample_rate: int,
        num_mels: int = 80,
        window_ms: float = 25.0,
        hop_ms: float = 10.0,
        fmin_hz: float = 0.0,
        fmax_hz: float | None = None,
        n_fft: int | None = None,
        top_db: float | None = None,
    ) -> None:
        super().__init__()
        if top_db is not None and top_db <= 0:
            raise ValueError(f"LogMel: expected top_db > 0 or None, got {top_db}")
        self.sample_rate = sample_rate
        self.top_db = top_db
        self.hop = to_samples("hop_ms", hop_ms, sample_rate)
        self.win_length = to_samples("window_ms", window_ms, sample_rate)
        self.n_fft = next_power_of_two(self.win_length) if n_fft is None else n_fft
        filterbank = mel_filterbank(sample_rate, self.n_fft, num_mels, fmin_hz, fmax_hz)
        self._bands = _bands(filterbank)
        self.register_buffer("filterbank", filterbank, persistent=False)  # (n_fft/2 + 1, M)
        self.register_buffer("window", hann_window(self.win_length, self.n_fft), persistent=False)

    def forward(self, x: Padded) -> Padded:
        """Turns PCM into log-mel frames.

        Args:
            x: ``(B, N)`` int16 or float PCM, of full scale 32768 or 1.

        Returns:
            ``(B, 1 + N // hop, num_mels)`` float32, dB relative to a power of 1.
        """
        steps = self.num_frames(x.data.shape[1])
        out = torch.zeros(len(x.data), steps, self.output_dim(1), device=x.data.device)
        num_rows, num_frames = _block_shape(x)
        with torch.autocast(x.data.device.type, enabled=False):
            for rows, part in _parts(x, num_rows):
                frames = self._frames(part)  # (b, t, n_fft), overlapping views
                for first in range(0, frames.shape[1], num_frames):
                    block = self._decibels(frames[:, first : first + num_frames])
                    out[rows, first : first + block.shape[1]] = block
        mel = Padded(out, 1 + x.lengths // self.hop)
        return (mel if self.top_db is None else _raised(mel, self.top_db)).zeroed()

    def output_dim(self, input_dim: int) -> int:
        """The number of mel bands, whatever the input."""
        return self.filterbank.shape[1]

    def frame_rate(self, input_rate: float) -> float:
        """Frames per second.

        Raises:
            ValueError: ``input_rate`` is not the sample rate this stage was made for.
        """
        if input_rate != self.sample_rate:
            raise ValueError(
                f"features: expected PCM at {self.sample_rate} Hz, got {input_rate:g} Hz; "
                "give the features the sample_rate of the store"
            )
        return self.sample_rate / self.hop

    def num_frames(self, n: int) -> int:
        """One frame at sample 0 and one per hop completed."""
        return 1 + n // self.hop

    def _frames(self, x: Padded) -> Tensor:
        margin = self.n_fft // 2
        samples = functional.pad(float_pcm(x).data, (margin, margin))  # (b, n + n_fft)
        return samples.double().unfold(1, self.n_fft, self.hop)

    def _decibels(self, frames: Tensor) -> Tensor:
        spectrum = torch.fft.rfft(frames * self.window)  # (b, t, n_fft/2 + 1) complex128
        squares = torch.view_as_real(spectrum).square_()
        power = (squares[..., 0] + squares[..., 1]).float()
        bands = [power[..., bins] @ self.filterbank[bins, mels] for bins, mels in self._bands]
        return 10 * torch.cat(bands, dim=-1).clamp(min=POWER_FLOOR).log10()  # (b, t, M)


class Mfcc(Stage):
    """Mel-frequency cepstral coefficients: the orthonormal DCT-II of `LogMel`.

    Args:
        sample_rate: Hz, of the PCM.
        num_mfcc: coefficients kept, 1..num_mels, the mean level (times a constant) first.
        num_mels, window_ms, hop_ms, fmin_hz, fmax_hz, top_db: as in `LogMel`. librosa's own
            ``top_db`` is 80: a level that depends on the whole clip, and so none here.

    Raises:
        ValueError: More coefficients than bands, or none; and as `LogMel`.

    Source: ``librosa.feature.mfcc(pad_mode="constant", ...)``.
    """

    dct: Tensor

    def __init__(
        self,
        sample_rate: int,
        num_mfcc: int = 40,
        num_mels: int = 80,
        window_ms: float = 25.0,
        hop_ms: float = 10.0,
        fmin_hz: float = 0.0,
        fmax_hz: float | None = None,
        top_db: float | None = None,
    ) -> None:
        super().__init__()
        self.mel = LogMel(
            sample_rate, num_mels, window_ms, hop_ms, fmin_hz, fmax_hz, top_db=top_db
        )
        self.register_buffer("dct", dct_matrix(num_mels, num_mfcc), persistent=False)

    def forward(self, x: Padded) -> Padded:
        """Turns PCM into MFCC frames.

        Args:
            x: ``(B, N)`` int16 or float PCM, of full scale 32768 or 1.

        Returns:
            ``(B, 1 + N // hop, num_mfcc)`` float32.
        """
        mel: Padded = self.mel(x)
        num_rows, _ = _block_shape(x)
        out = mel.data.new_zeros(*mel.data.shape[:2], self.output_dim(1))
        with torch.autocast(x.data.device.type, enabled=False):
            for rows, part in _parts(mel, num_rows):
                out[rows, : part.data.shape[1]] = part.data @ self.dct
        return mel.with_data(out)

    def output_dim(self, input_dim: int) -> int:
        """The number of coefficients, whatever the input."""
        return self.dct.shape[1]

    def frame_rate(self, input_rate: float) -> float:
        """As `LogMel.frame_rate`."""
        return self.mel.frame_rate(input_rate)

    def num_frames(self, n: int) -> int:
        """As `LogMel.num_frames`."""
        return self.mel.num_frames(n)


def _block_shape(x: Padded) -> tuple[int, int]:
    """Utterances and frames computed together: what fits a cache, or what fills a device."""
    if x.data.device.type == "cpu":
        return 1, _CPU_FRAMES
    return max(1, len(x.data)), max(1, _DEVICE_FRAMES // max(1, len(x.data)))


def _parts(x: Padded, num_rows: int) -> Iterator[tuple[slice, Padded]]:
    """Some utterances at a time, without the padding that they all share."""
    for first in range(0, len(x.data), num_rows):
        rows = slice(first, first + num_rows)
        longest = int(x.lengths[rows].max())
        yield rows, Padded(x.data[rows, :longest], x.lengths[rows])


def _bands(filterbank: Tensor) -> list[tuple[slice, slice]]:
    """Groups of neighbouring filters, each with the bins it covers.

    Skipping the zeros elsewhere leaves a quarter of the products of the dense matrix.
    """
    bands = []
    for first in range(0, filterbank.shape[1], _BAND_MELS):
        mels = slice(first, first + _BAND_MELS)
        bins = filterbank[:, mels].any(dim=1).nonzero().flatten().tolist()
        bands.append((slice(bins[0], bins[-1] + 1), mels))
    return bands


def _raised(frames: Padded, top_db: float) -> Padded:
    """Lifts what lies more than ``top_db`` below the loudest value of its own clip."""
    loudest = frames.data.masked_fill(~frames.mask[..., None], -torch.inf).amax((1, 2))  # (B,)
    return frames.with_data(frames.data.maximum(loudest[:, None, None] - top_db))
