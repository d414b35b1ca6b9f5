"""librosa's own MFCC, clip by clip: what ours are checked against, and a slow stand-in."""

import warnings

import librosa
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from rnnmm.batch import Padded
from rnnmm.domain import Positive, Size
from rnnmm.features.mel import Mfcc
from rnnmm.features.pcm import float_pcm
from rnnmm.features.stage import Stage


class LibrosaMfcc(Stage):
    """`rnnmm.features.mel.Mfcc` through ``librosa.feature.mfcc``, on the CPU.

    The same arguments, time grid and errors; the same values to 1e-4 of their range. On another
    device the samples go to the CPU and the features back.

    Args:
        sample_rate, num_mfcc, num_mels, window_ms, hop_ms, fmin_hz, fmax_hz, top_db: as in
            `rnnmm.features.mel.Mfcc`.
    """

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
        # Ours checks the arguments and knows the time grid; it computes nothing here.
        self._grid = Mfcc(
            sample_rate, num_mfcc, num_mels, window_ms, hop_ms, fmin_hz, fmax_hz, top_db
        )
        self._band_hz = (fmin_hz, fmax_hz)

    def forward(self, x: Padded) -> Padded:
        """Turns PCM into MFCC frames.

        Args:
            x: ``(B, N)`` int16 or float PCM, of full scale 32768 or 1.

        Returns:
            ``(B, T, num_mfcc)`` float32, T that of the longest clip.
        """
        rows = float_pcm(x.to("cpu")).rows()
        return Padded.stack([self._mfcc(row) for row in rows]).to(x.data.device)

    def output_dim(self, input_dim: int) -> int:
        """The number of coefficients, whatever the input."""
        return self._grid.output_dim(input_dim)

    def frame_rate(self, input_rate: float) -> float:
        """As `rnnmm.features.mel.LogMel.frame_rate`."""
        return self._grid.frame_rate(input_rate)

    def num_frames(self, n: int) -> int:
        """As `rnnmm.features.mel.LogMel.num_frames`."""
        return self._grid.num_frames(n)

    def _mfcc(self, samples: Tensor) -> Tensor:
        mel = self._grid.mel
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of clips shorter than a window, which are fine
            mfcc = librosa.feature.mfcc(
                S=librosa.power_to_db(self._mel_power(samples.numpy()), top_db=mel.top_db),
                n_mfcc=self._grid.output_dim(1),
            )  # (F, T)
        return torch.from_numpy(mfcc.T.copy())

    def _mel_power(self, samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        mel = self._grid.mel
        power = librosa.feature.melspectrogram(
            y=samples,
            sr=mel.sample_rate,
            n_fft=mel.n_fft,
            win_length=mel.win_length,
            hop_length=mel.hop,
            pad_mode="constant",
            n_mels=mel.output_dim(1),
            fmin=self._band_hz[0],
            fmax=self._band_hz[1],
        )
        return np.asarray(power, np.float32)  # (M, T)
