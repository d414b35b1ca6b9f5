"""Log-mel spectra and MFCC of a batch of PCM, equal to librosa's.

What takes the time is `rnnmm.features.spectrum`; the steps after it work on its blocks, while they
are in the cache.
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional

from rnnmm.batch import Padded
from rnnmm.domain import Positive, Size
from rnnmm.features.filterbank import (
    checked_rate,
    dct_matrix,
    hann_window,
    mel_filterbank,
    next_power_of_two,
    to_samples,
)
from rnnmm.features.pcm import float_pcm
from rnnmm.features.spectrum import BandPower, Place, SampleState, assembled
from rnnmm.features.stage import Stage, State, dense, joined

POWER_FLOOR = 1e-10  # librosa's amin: silence is -100 dB


class LogMel(Stage):
    """Power in mel bands in decibels, ``10 log10(max(1e-10, power))``.

    Frame t is centred on sample ``t * hop``, with silence before and after the clip, so that even
    an empty clip has one frame. A frame depends on the samples under its window alone, unless
    ``top_db`` is set; a stream gives it as soon as they are there. The spectrum is computed in
    float64, as librosa does. Autocast changes nothing.

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

    def __init__(
        self,
        sample_rate: Size,
        num_mels: Size = 80,
        window_ms: Positive = 25.0,
        hop_ms: Positive = 10.0,
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
        window = hann_window(self.win_length, self.n_fft)
        before = (self.n_fft - self.win_length) // 2  # zeros that stand before the window
        filterbank = mel_filterbank(sample_rate, self.n_fft, num_mels, fmin_hz, fmax_hz)
        window = window[before : before + self.win_length]
        self.power = BandPower(window, self.hop, self.n_fft, filterbank)
        self._reach = self.n_fft // 2 - before  # samples under the window before its centre

    def forward(self, x: Padded) -> Padded:
        """Turns PCM into log-mel frames.

        Args:
            x: ``(B, N)`` int16 or float PCM, of full scale 32768 or 1.

        Returns:
            ``(B, 1 + N // hop, num_mels)`` float32, dB relative to a power of 1.
        """
        shape = (self.num_frames(x.data.shape[1]), self.output_dim(1))
        mel = assembled(self.blocks(x), 1 + x.lengths // self.hop, shape, x.data.device)
        return mel if self.top_db is None else _raised(mel, self.top_db).zeroed()

    def blocks(self, x: Padded) -> Iterator[tuple[Place, Tensor]]:
        """As `BandPower.blocks`, in decibels; ``top_db`` is not yet applied."""
        for place, power in self.power.blocks(x, 1 + x.lengths // self.hop, -self._reach):
            yield place, _decibels(power)

    def output_dim(self, input_dim: int) -> int:
        """The number of mel bands, whatever the input."""
        return self.power.num_filters

    def frame_rate(self, input_rate: float) -> float:
        """Frames per second.

        Raises:
            ValueError: ``input_rate`` is not the sample rate this stage was made for.
        """
        return checked_rate(self.sample_rate, input_rate) / self.hop

    def num_frames(self, n: int) -> int:
        """One frame at sample 0 and one per hop completed."""
        return 1 + n // self.hop

    def initial_state(self, batch_size: int) -> State:
        """The silence before the streams.

        Raises:
            ValueError: ``top_db`` is set.
        """
        if self.top_db is not None:
            raise self._cannot_stream()
        return SampleState(torch.zeros(batch_size, self._reach))

    def step(self, x: Tensor, state: State, final: bool = False) -> tuple[Tensor, State]:
        """As `Stage.step`; a frame waits for the half of its window after its centre."""
        samples = joined(state[0], float_pcm(dense(x)).data)
        if final:
            samples = functional.pad(samples, (0, self.power.span - self._reach))
        power = self.power.of_stream(samples)
        return _decibels(power), SampleState(samples[:, power.shape[1] * self.hop :])


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
        sample_rate: Size,
        num_mfcc: Size = 40,
        num_mels: Size = 80,
        window_ms: Positive = 25.0,
        hop_ms: Positive = 10.0,
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
        shape = (self.num_frames(x.data.shape[1]), self.output_dim(1))
        num_frames = 1 + x.lengths // self.mel.hop
        return assembled(self._blocks(x), num_frames, shape, x.data.device)

    def output_dim(self, input_dim: int) -> int:
        """The number of coefficients, whatever the input."""
        return self.dct.shape[1]

    def frame_rate(self, input_rate: float) -> float:
        """As `LogMel.frame_rate`."""
        return self.mel.frame_rate(input_rate)

    def num_frames(self, n: int) -> int:
        """As `LogMel.num_frames`."""
        return self.mel.num_frames(n)

    def initial_state(self, batch_size: int) -> State:
        """As `LogMel.initial_state`."""
        return self.mel.initial_state(batch_size)

    def step(self, x: Tensor, state: State, final: bool = False) -> tuple[Tensor, State]:
        """As `LogMel.step`."""
        mel, state = self.mel.step(x, state, final)
        return self._cepstrum(mel), state

    def _blocks(self, x: Padded) -> Iterator[tuple[Place, Tensor]]:
        if self.mel.top_db is not None:  # needs all of a clip
            yield (slice(None), slice(None)), self._cepstrum(self.mel(x).data)
            return
        for place, mel in self.mel.blocks(x):
            yield place, self._cepstrum(mel)

    def _cepstrum(self, mel: Tensor) -> Tensor:
        with torch.autocast(mel.device.type, enabled=False):
            return mel @ self.dct


def _decibels(power: Tensor) -> Tensor:
    return power.clamp(min=POWER_FLOOR).log10().mul_(10)


def _raised(frames: Padded, top_db: float) -> Padded:
    """Lifts what lies more than ``top_db`` below the loudest value of its own clip."""
    loudest = frames.data.masked_fill(~frames.mask[..., None], -torch.inf).amax((1, 2))  # (B,)
    return frames.with_data(frames.data.maximum(loudest[:, None, None] - top_db))
