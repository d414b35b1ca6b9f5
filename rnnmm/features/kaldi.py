"""Kaldi's filterbank features of a batch of PCM."""

from collections.abc import Iterator

import torch
from torch import Tensor

from rnnmm.batch import Padded
from rnnmm.features.filterbank import (
    checked_rate,
    kaldi_filterbank,
    next_power_of_two,
    povey_window,
    to_samples,
)
from rnnmm.features.pcm import FULL_SCALE, float_pcm
from rnnmm.features.spectrum import BandPower, Place, SampleState, assembled
from rnnmm.features.stage import Stage, State, dense, joined

ENERGY_FLOOR = 2.0**-23  # Kaldi's: the distance from 1 to the next float32


class KaldiFbank(Stage):
    """Natural logarithm of the power in mel bands, as Kaldi's ``compute-fbank-feats`` gives it.

    Each frame loses its mean, is pre-emphasised (``x[n] - a x[n-1]``), lies under a Povey window,
    and is weighed by triangles on Kaldi's mel scale. (What Kaldi does to the first sample of a
    frame does not show: the window is zero there.) There is no dither: a result is a function of
    its input. Computed in float64, and so nearer to the definition than Kaldi in float32.

    Args:
        sample_rate: Hz, of the PCM.
        num_mels: mel bands.
        window_ms: length of the window, milliseconds.
        hop_ms: step between frames, milliseconds, rounded to whole samples.
        fmin_hz: lower edge of the lowest band.
        fmax_hz: upper edge of the highest band; None: half the sample rate.
        preemphasis: a, 0..1.
        snip_edges: only frames that lie wholly inside the clip; else one for each hop begun
            halfway, centred on it, the clip mirrored at its ends.

    Raises:
        ValueError: The window or the hop is shorter than a sample; ``preemphasis`` is not within
            0..1; the bands leave 0..sample_rate/2; a band holds no frequency bin.

    Source: Kaldi's feat/feature-fbank.cc and mel-computations.cc; checked against
        kaldi-native-fbank.
    """

    def __init__(
        self,
        sample_rate: int,
        num_mels: int = 80,
        window_ms: float = 25.0,
        hop_ms: float = 10.0,
        fmin_hz: float = 20.0,
        fmax_hz: float | None = None,
        preemphasis: float = 0.97,
        snip_edges: bool = True,
    ) -> None:
        super().__init__()
        if not 0 <= preemphasis <= 1:
            raise ValueError(f"KaldiFbank: expected preemphasis within 0..1, got {preemphasis}")
        self.sample_rate = sample_rate
        self.snip_edges = snip_edges
        self.hop = to_samples("hop_ms", hop_ms, sample_rate)
        self.win_length = to_samples("window_ms", window_ms, sample_rate)
        n_fft = next_power_of_two(self.win_length)
        filterbank = kaldi_filterbank(sample_rate, n_fft, num_mels, fmin_hz, fmax_hz)
        self.power = BandPower(
            povey_window(self.win_length), self.hop, n_fft, filterbank, preemphasis
        )

    def forward(self, x: Padded) -> Padded:
        """Turns PCM into log-mel frames.

        Args:
            x: ``(B, N)`` int16 or float PCM, of full scale 32768 or 1.

        Returns:
            ``(B, T, num_mels)`` float32; a full-scale sample counts 32768, as in Kaldi.
        """
        num_frames = torch.tensor([self.num_frames(n) for n in x.lengths.tolist()])
        shape = (self.num_frames(x.data.shape[1]), self.output_dim(1))
        samples = float_pcm(x)
        if not self.snip_edges:
            samples = self._mirrored(samples, num_frames)
        return assembled(self._blocks(samples, num_frames), num_frames, shape, x.data.device)

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
        """Frames of ``n`` samples; none, if ``snip_edges`` and there is no whole window."""
        if self.snip_edges:
            return 0 if n < self.win_length else 1 + (n - self.win_length) // self.hop
        return (n + self.hop // 2) // self.hop

    def initial_state(self, batch_size: int) -> State:
        """No sample heard.

        Raises:
            ValueError: ``snip_edges`` is off: the end of a clip is mirrored, and so must be known.
        """
        if not self.snip_edges:
            raise self._cannot_stream()
        return SampleState(torch.zeros(batch_size, 0))

    def step(self, x: Tensor, state: State, final: bool = False) -> tuple[Tensor, State]:
        """As `Stage.step`; a frame waits for the end of its window."""
        samples = joined(state[0], float_pcm(dense(x)).data)
        power = self.power.of_stream(samples, self._offset(samples))
        return _logarithm(power), SampleState(samples[:, power.shape[1] * self.hop :])

    def _blocks(self, samples: Padded, num_frames: Tensor) -> Iterator[tuple[Place, Tensor]]:
        blocks = self.power.blocks(samples, num_frames, offset=self._offset(samples.data))
        for place, power in blocks:
            yield place, _logarithm(power)

    def _offset(self, samples: Tensor) -> Tensor:
        """What pre-emphasis leaves of the mean of each frame, ``(B, T)`` float64."""
        if samples.shape[1] < self.win_length:
            return samples.new_zeros(len(samples), 0, dtype=torch.float64)
        mean = samples.unfold(1, self.win_length, self.hop).mean(-1, dtype=torch.float64)
        return mean * (1 - self.power.preemphasis)

    def _mirrored(self, samples: Padded, num_frames: Tensor) -> Padded:
        """Each clip with its reflection at both ends, again and again, as far as frames reach."""
        first = self.hop // 2 - self.win_length // 2
        lengths = (num_frames - 1) * self.hop + self.win_length
        lengths = lengths.where(num_frames > 0, 0)
        steps = torch.arange(first, first + int(lengths.max()))  # of the longest
        period = 2 * samples.lengths.clamp(min=1)[:, None]
        steps = steps % period
        index = torch.minimum(steps, period - 1 - steps).to(samples.data.device, non_blocking=True)
        return Padded(samples.data.gather(1, index), lengths)


def _logarithm(power: Tensor) -> Tensor:
    return (power * FULL_SCALE**2).clamp(min=ENERGY_FLOOR).log()
