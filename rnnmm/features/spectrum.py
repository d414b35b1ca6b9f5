"""Power in frequency bands of short frames: the part that log-mel, MFCC and Kaldi's fbank share.

On a CPU a compiled kernel takes a stretch of one clip at a time (`rnnmm.features.fused`). On a
device, and where gradients are wanted, torch does the same, over many clips at once.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from rnnmm.batch import Padded
from rnnmm.features.pcm import check_pcm, float_pcm, pcm_scale
from rnnmm.features.stage import dense

Place = tuple[slice, slice]
"""Which sequences and which of their frames a block holds."""

_CPU_FRAMES = 256  # per block in torch; measured flat from 192 to 512, a third slower at 64
_KERNEL_FRAMES = 1024  # per call of the kernel; what follows finds them in the cache
_THREADED_FRAMES = 1024  # half a millisecond of work: starting threads takes a tenth
_DEVICE_FRAMES = 2**14  # bounds a block's memory: 64 MiB per intermediate at n_fft = 512
_BAND_FILTERS = 16  # filters multiplied together, over the bins they cover and no more


class SampleState(NamedTuple):
    """samples: ``(B, s)`` float32, what has arrived from the first sample of the next frame on."""

    samples: Tensor


class BandPower(nn.Module):
    """Window, Fourier transform, squares, filters.

    The spectrum is computed in float64: in float32, rounding shows as 0.1 dB in bands 100 dB below
    a tone. Autocast changes nothing.

    Args:
        window: ``(W,)`` float64.
        hop: samples from frame to frame.
        n_fft: even, >= W.
        filterbank: ``(n_fft/2 + 1, M)`` float32; no filter is empty.
        preemphasis: 0..1, how much of its predecessor in the clip each sample loses. Only for a
            window that is zero at its beginning: the first sample of a frame keeps it all.
    """

    window: Tensor
    filterbank: Tensor

    def __init__(
        self,
        window: Tensor,
        hop: int,
        n_fft: int,
        filterbank: Tensor,
        preemphasis: float = 0.0,
    ) -> None:
        super().__init__()
        self.preemphasis = preemphasis
        self.win_length = len(window)
        self.hop = hop
        self.n_fft = n_fft
        self.num_filters = filterbank.shape[1]
        self.span = max(self.win_length, hop)  # samples that a stream waits for
        self._bands = _bands(filterbank)
        self._tables: Any = None  # of the kernel; made when it is first wanted
        # Where in the transform the window stands does not show in the power: at its beginning.
        padded = functional.pad(window, (0, n_fft - len(window)))
        self.register_buffer("window", padded, persistent=False)  # (n_fft,)
        self.register_buffer("filterbank", filterbank, persistent=False)

    def blocks(
        self, samples: Padded, num_frames: Tensor, start: int = 0, offset: Tensor | None = None
    ) -> Iterator[tuple[Place, Tensor]]:
        """Frame t of a sequence lies under the window at ``start + t * hop``.

        Args:
            samples: ``(B, N)`` PCM, int16 of full scale 32768 or float of full scale 1; before
                and after each sequence is silence.
            num_frames: ``(B,)`` int64 on the CPU, wanted of each sequence.
            start: first sample of the first frame; <= 0.
            offset: ``(B, T)`` float64, which the samples of each frame lose after pre-emphasis.

        Yields:
            The place of a block and its power ``(b, t, M)`` float32, each frame wanted once. A
            block may hold frames beyond a sequence's own, of no meaning.
        """
        check_pcm(samples)
        with torch.autocast(samples.data.device.type, enabled=False):
            if self._is_compiled(samples, offset):
                yield from self._kernel_blocks(samples, num_frames, start, offset)
            else:
                yield from self._torch_blocks(samples, num_frames, start, offset)

    def of_stream(self, samples: Tensor, offset: Tensor | None = None) -> Tensor:
        """The power of all frames that are complete, with what has arrived of some streams.

        Args:
            samples: ``(B, s)`` float, from the first sample of the next frame on.
            offset: ``(B, t)`` or more, as in `blocks`.

        Returns:
            ``(B, t, M)`` float32; ``t * hop`` samples are then no longer needed.
        """
        steps = max(0, 1 + (samples.shape[1] - self.span) // self.hop)
        num_frames = torch.full((len(samples),), steps)
        blocks = self.blocks(dense(samples), num_frames, offset=offset)
        return assembled(blocks, num_frames, (steps, self.num_filters), samples.device).data

    def _is_compiled(self, samples: Padded, offset: Tensor | None) -> bool:
        tensors = [samples.data] if offset is None else [samples.data, offset]
        return (
            samples.data.device.type == "cpu"
            and not any(tensor.requires_grad for tensor in tensors)
            and not torch.compiler.is_compiling()
            and _has_kernel(self.n_fft)
        )

    def _kernel_blocks(
        self, samples: Padded, num_frames: Tensor, start: int, offset: Tensor | None
    ) -> Iterator[tuple[Place, Tensor]]:
        from rnnmm.features import fused  # numba: half a second, only for those who compute

        if self._tables is None:
            window, filterbank = self.window[: self.win_length], self.filterbank
            self._tables = fused.make_tables(window.numpy(), self.n_fft, filterbank.numpy())
        kernel, tables = fused.band_power(self.n_fft), self._tables
        scale = pcm_scale(samples)
        pcm = samples if samples.data.dtype == torch.int16 else samples.to(torch.float32)
        waves = [row.numpy() for row in pcm.rows()]
        shifts = None if offset is None else offset.numpy()

        def compute(place: Place) -> Tensor:
            row, first, last = place[0].start, place[1].start, place[1].stop
            start_sample = start + first * self.hop
            skipped = max(0, start_sample)
            wave = waves[row][skipped : start_sample + (last - first) * self.hop + self.n_fft]
            shift = np.zeros(last - first) if shifts is None else shifts[row, first:last]
            power = torch.empty(1, last - first, self.num_filters)
            wave = wave.astype(np.float32, copy=False)
            kernel(
                wave, scale, self.preemphasis, shift, start_sample - skipped, self.hop, *tables,
                power[0].numpy(),
            )  # fmt: skip
            return power

        places = list(_places(num_frames.tolist(), 1, _KERNEL_FRAMES))
        yield from zip(places, _each(compute, places))

    def _torch_blocks(
        self, samples: Padded, num_frames: Tensor, start: int, offset: Tensor | None
    ) -> Iterator[tuple[Place, Tensor]]:
        num_rows, num_steps = _block_shape(samples)
        last = max(num_frames.tolist(), default=0) - 1
        end = start + max(0, last) * self.hop + self.n_fft
        samples = float_pcm(samples).to(torch.float64)
        if self.preemphasis:
            before = functional.pad(samples.data, (1, -1))
            samples = samples.with_data(samples.data - self.preemphasis * before).zeroed()
        after = max(0, end - samples.data.shape[1])
        wave = functional.pad(samples.data, (-start, after))
        frames = wave.unfold(1, self.n_fft, self.hop)  # (B, T, n_fft), overlapping views
        for rows, steps in _places(num_frames.tolist(), num_rows, num_steps):
            block = frames[rows, steps]
            if offset is not None:
                block = block - offset[rows, steps, None]
            yield (rows, steps), self._power(block)

    def _power(self, frames: Tensor) -> Tensor:
        spectrum = torch.fft.rfft(frames * self.window)  # (b, t, n_fft/2 + 1) complex128
        # Halved first: on a device every pass over memory counts.
        squares = torch.view_as_real(spectrum.to(torch.complex64)).square_()
        power = squares[..., 0] + squares[..., 1]
        bands = [power[..., bins] @ self.filterbank[bins, mels] for bins, mels in self._bands]
        return torch.cat(bands, dim=-1)  # (b, t, M)


def assembled(
    blocks: Iterable[tuple[Place, Tensor]],
    lengths: Tensor,
    shape: Sequence[int],
    device: torch.device,
) -> Padded:
    """Blocks put together, with zeros as padding.

    Args:
        blocks: of ``(b, t, F)``.
        lengths: ``(B,)`` int64, frames of each sequence.
        shape: (T, F) of the whole, T >= each length.
        device: of the blocks.
    """
    out = torch.zeros(len(lengths), *shape, device=device)
    is_clean = True
    for place, block in blocks:
        out[place] = block
        is_clean = is_clean and len(block) == 1  # then it ends where its sequence does
    return Padded(out, lengths) if is_clean else Padded(out, lengths).zeroed()


def _has_kernel(n_fft: int) -> bool:
    from rnnmm.features import fused

    return fused.supports(n_fft)


def _each(compute: Callable[[Place], Tensor], places: Sequence[Place]) -> Iterator[Tensor]:
    """In order; on several threads if torch may use them and there is work for them."""
    num_threads = min(torch.get_num_threads(), len(places))
    num_frames = sum(frames.stop - frames.start for _, frames in places)
    if num_threads < 2 or num_frames < _THREADED_FRAMES:
        yield from map(compute, places)
    else:
        with ThreadPoolExecutor(num_threads) as pool:
            yield from pool.map(compute, places)


def _block_shape(x: Padded) -> tuple[int, int]:
    """Sequences and frames computed together: what fits a cache, or what fills a device."""
    if x.data.device.type == "cpu":
        return 1, _CPU_FRAMES
    return max(1, len(x.data)), max(1, _DEVICE_FRAMES // max(1, len(x.data)))


def _places(num_frames: Sequence[int], num_rows: int, num_steps: int) -> Iterator[Place]:
    """Some sequences and some frames at a time, up to the longest of those sequences."""
    for row in range(0, len(num_frames), num_rows):
        longest = max(num_frames[row : row + num_rows])
        for step in range(0, longest, num_steps):
            stop = min(step + num_steps, longest)
            yield slice(row, row + num_rows), slice(step, stop)


def _bands(filterbank: Tensor) -> list[tuple[slice, slice]]:
    """Groups of neighbouring filters, each with the bins it covers.

    Skipping the zeros elsewhere leaves a quarter of the products of the dense matrix.
    """
    bands = []
    for first in range(0, filterbank.shape[1], _BAND_FILTERS):
        mels = slice(first, first + _BAND_FILTERS)
        bins = filterbank[:, mels].any(dim=1).nonzero().flatten().tolist()
        bands.append((slice(bins[0], bins[-1] + 1), mels))
    return bands
