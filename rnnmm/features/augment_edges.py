"""The edges of each utterance, cut or made longer at random.

Recordings that begin and end alike teach a network where to expect the first and the last word;
in a long recording, cut in its pauses, or with another recorder, it then misses them.
"""

import torch
from torch import Tensor
from torch.nn import functional

from rnnmm.batch import Padded
from rnnmm.domain import NotNegative, Size
from rnnmm.features.draw import check_range, draw
from rnnmm.features.pcm import amplitude, float_pcm
from rnnmm.features.stage import Augmentation
from rnnmm.units import seconds_to_samples

_LONGEST_S = 60.0
_MOST_DB = 100.0
_HOP_S = 0.01
_WINDOW_HOPS = 10  # 0.1 s: a click is soft, an /s/ is not
_GUARD_HOPS = 10
_PRE_EMPHASIS = 0.97  # as for cepstra: fricatives become loud, what rumbles becomes soft
_FLOOR, _PEAK = 0.1, 0.95  # the ranks of the windows that stand for the quiet and for speech
_BELOW_PEAK_DB = 20.0
_SILENCE = 1e-12  # power of digital silence, -120 dB of full scale


class QuietEdges(Augmentation):
    """Gives the quiet before and behind each utterance a new random length.

    Where there is more of it, it is cut from outside; where there is less, noise with level and
    spectrum of the utterance's own quietest 0.1 s is put outside; digital silence stays silent.

    Speech is never cut, nor is 0.1 s on both sides of it. It may be from the first to the last
    0.1 s that are, after pre-emphasis and in dB, above a quarter of the way from the floor (the
    level that a tenth of them stay under) to the loudest twentieth, or within 20 dB of that. So
    nothing is cut from an utterance in noise, nor from one without pauses. In GRID, where words
    were aligned, none of 315 utterances loses more than 10 ms of them at no quiet at all.

    Where the sound is on a GPU, this waits for it once a batch: how long the utterances become
    hangs on their values. An utterance may get shorter than its transcript was checked to fit.

    Args:
        sample_rate: Hz, of the PCM.
        low_s: the shortest quiet at either edge, beside the 0.1 s, seconds.
        high_s: the longest.

    Raises:
        ValueError: Not ``0 <= low_s <= high_s <= 60``.
    """

    def __init__(
        self, sample_rate: Size, low_s: NotNegative = 0.0, high_s: NotNegative = 0.8
    ) -> None:
        super().__init__()
        check_range("QuietEdges", low_s, high_s, 0.0, _LONGEST_S)
        self.hop = seconds_to_samples(_HOP_S, sample_rate)
        self.low = seconds_to_samples(low_s, sample_rate)
        self.high = seconds_to_samples(high_s, sample_rate)

    def forward(self, x: Padded, generator: torch.Generator) -> Padded:
        """``(B, N)`` PCM -> ``(B, N')`` float32."""
        # One draw for all, so that what a row gets does not hang on how many rows there are.
        chance = torch.rand((len(x.data), 2 + 2 * self.high), generator=generator)
        wanted = self.low + (chance[:, :2].double() * (self.high - self.low + 1)).long()  # (B, 2)
        x = float_pcm(x)
        powers = _powers(x, self.hop)
        bounds = _bounds(powers, self.hop).minimum(x.lengths[:, None])  # (B, 2)
        tones = _tones(_quietest(x, powers, self.hop), chance[:, 2:])  # (B, 2 high)
        rows = zip(x.rows(), tones, bounds.tolist(), wanted.tolist())
        return Padded.stack([_edged(*row) for row in rows])


class Trim(Augmentation):
    """Cuts each utterance close, from its first to its last sample above a level.

    So do recorders that start and stop by themselves, and scripts that tidy up after them: where
    the speaker was soft or far off, the /s/ that a word begins or ends with is lost. The level is
    drawn below the loudest sample of the utterance, in dB. `QuietEdges` never cuts speech.

    Where the sound is on a GPU, this waits for it once a batch: how long the utterances become
    hangs on their values. To be used on a part of them (`rnnmm.features.sometimes.Sometimes`).

    Args:
        low_db: 0..100, of the highest level, how far below the loudest sample.
        high_db: low_db..100, of the lowest.

    Raises:
        ValueError: Not ``0 <= low_db <= high_db <= 100``.
    """

    def __init__(self, low_db: float = 15.0, high_db: float = 40.0) -> None:
        super().__init__()
        check_range("Trim", low_db, high_db, 0.0, _MOST_DB)
        self.low_db = low_db
        self.high_db = high_db

    def forward(self, x: Padded, generator: torch.Generator) -> Padded:
        """``(B, N)`` PCM -> ``(B, N')`` float32, N' >= 1 where N is; silence as it was."""
        below_db = draw(generator, len(x.data), self.low_db, self.high_db)
        x = float_pcm(x)
        rows = zip(x.rows(), _loud_bounds(x, below_db).tolist())
        return Padded.stack([samples[start:end] for samples, (start, end) in rows])


class Silence(Augmentation):
    """Puts silence before and behind each utterance: digital silence, so that noise comes after.

    Clips that are all cut close teach nothing of a pause, and those of the next speaker may begin
    and end with one. To be used on a part of them (`rnnmm.features.sometimes.Sometimes`), or the
    network forgets those cut close. `QuietEdges` is for utterances
    with pauses of their own: it also cuts, and puts in more of the same noise.

    Args:
        sample_rate: Hz, of the PCM.
        max_s: >= 0, the longest silence on either side, seconds.

    Raises:
        ValueError: ``max_s`` is negative.
    """

    def __init__(self, sample_rate: int, max_s: float = 0.3) -> None:
        super().__init__()
        if max_s < 0:
            raise ValueError(f"Silence: expected max_s >= 0, got {max_s:g}")
        self.max_samples = seconds_to_samples(max_s, sample_rate)

    def forward(self, x: Padded, generator: torch.Generator) -> Padded:
        """``(B, N)`` PCM -> ``(B, N')`` float32, N' at most twice max_s longer, 0 as before."""
        most = self.max_samples + 1
        pairs = (draw(generator, 2 * len(x.data), 0, most).long()).reshape(-1, 2).tolist()
        return Padded.stack([
            functional.pad(samples, pair) if len(samples) else samples
            for samples, pair in zip(float_pcm(x).rows(), pairs)
        ])  # fmt: skip


def speech_bounds(x: Padded, sample_rate: int) -> Tensor:
    """Where speech begins and ends at the utmost, by energy; the rest is quiet.

    Args:
        x: ``(B, N)`` floating point PCM, zero as padding.
        sample_rate: Hz.

    Returns:
        ``(B, 2)`` int64 on the CPU, samples, half-open. All of an utterance without quiet.
    """
    hop = seconds_to_samples(_HOP_S, sample_rate)
    return _bounds(_powers(x, hop), hop).minimum(x.lengths[:, None])


def _bounds(powers: Padded, hop: int) -> Tensor:
    """As `speech_bounds`, perhaps beyond the end."""
    levels = powers.with_data(10 * powers.data.clamp(min=_SILENCE).log10())  # (B, T)
    floor, peak = (_of_rank(levels, rank) for rank in (_FLOOR, _PEAK))
    threshold = torch.minimum(floor + (peak - floor) / 4, peak - _BELOW_PEAK_DB)
    is_loud = ((levels.data >= threshold[:, None]) & levels.mask).int()
    first = is_loud.argmax(dim=1)
    last = is_loud.shape[1] - 1 - is_loud.flip(1).argmax(dim=1)
    starts, ends = first - _GUARD_HOPS, last + _WINDOW_HOPS + _GUARD_HOPS
    return torch.stack([starts.clamp(min=0), ends], dim=1).cpu() * hop  # (B, 2)


def _powers(x: Padded, hop: int) -> Padded:
    """``(B, T)``, T >= 1: the mean power of each 0.1 s, every 10 ms, after pre-emphasis."""
    sharp = torch.cat([x.data[:, :1], x.data[:, 1:] - _PRE_EMPHASIS * x.data[:, :-1]], dim=1)
    missing = max(0, _WINDOW_HOPS * hop - sharp.shape[1])
    sharp = functional.pad(x.with_data(sharp).zeroed().data, (0, missing))
    num_hops = sharp.shape[1] // hop
    by_hop = sharp[:, : num_hops * hop].square().reshape(-1, num_hops, hop).mean(dim=2)
    powers = functional.avg_pool1d(by_hop[:, None], _WINDOW_HOPS, 1).squeeze(1)  # (B, T)
    return Padded(powers, (x.lengths // hop - _WINDOW_HOPS + 1).clamp(min=1))


def _of_rank(x: Padded, rank: float) -> Tensor:
    """``(B,)``, of each row the value that this share (0..1) of its others stay under."""
    ordered = x.data.masked_fill(~x.mask, torch.inf).sort(dim=1).values
    places = (rank * (x.lengths - 1)).round().long().to(x.data.device, non_blocking=True)
    return ordered.gather(1, places[:, None]).squeeze(1)


def _quietest(x: Padded, powers: Padded, hop: int) -> Tensor:
    """``(B, 0.1 s)``, of each row the stretch of least power, without its mean."""
    places = powers.data.masked_fill(~powers.mask, torch.inf).argmin(dim=1)
    taps = torch.arange(_WINDOW_HOPS * hop, device=x.data.device)
    quiet = functional.pad(x.data, (0, len(taps))).gather(1, places[:, None] * hop + taps)
    return quiet - quiet.mean(dim=1, keepdim=True)


def _tones(quiet: Tensor, noise: Tensor) -> Tensor:
    """White noise with the level and the spectrum of something else.

    Args:
        quiet: ``(B, n)``, that has them.
        noise: ``(B, M)``, uniform in 0..1.

    Returns:
        ``(B, M)``.
    """
    taps, length = quiet.shape[1], noise.shape[1]
    kernel = quiet * torch.hann_window(taps, periodic=False, device=quiet.device)
    energy = kernel.square().sum(dim=1, keepdim=True).clamp(min=_SILENCE)
    kernel = kernel * (quiet.square().mean(dim=1, keepdim=True) / energy).sqrt()
    white = (12**0.5 * (noise - 0.5)).to(quiet.device, non_blocking=True)
    size = max(length, taps)
    spectrum = torch.fft.rfft(kernel, size) * torch.fft.rfft(white, size)
    tones: Tensor = torch.fft.irfft(spectrum, size)
    return tones[:, :length]


def _loud_bounds(x: Padded, below_db: Tensor) -> Tensor:
    """From the first to the last sample of a level; ``(B, 2)`` int64 on the CPU, half-open.

    All of what is silent, and perhaps beyond the end.

    Args:
        x: ``(B, N)`` float32.
        below_db: ``(B,)``, how far the level lies below the loudest sample.
    """
    loudness = functional.pad(x.zeroed().data.abs(), (0, 1))  # (B, N + 1): never empty
    level = amplitude(-below_db, loudness) * loudness.amax(dim=1)  # (B,)
    is_loud = (loudness >= level[:, None]).int()
    first = is_loud.argmax(dim=1)
    end = is_loud.shape[1] - is_loud.flip(1).argmax(dim=1)
    return torch.stack([first, end], dim=1).cpu()


def _edged(row: Tensor, tone: Tensor, bounds: list[int], wanted: list[int]) -> Tensor:
    """One utterance ``(N,)`` with so much quiet before and behind its speech; tone outside."""
    (start, end), (before, behind) = bounds, wanted
    kept = row[max(0, start - before) : end + behind]
    more_before = max(0, before - start)
    more_behind = max(0, behind - (len(row) - end))
    return torch.cat([tone[:more_before], kept, tone[len(tone) - more_behind :]])
