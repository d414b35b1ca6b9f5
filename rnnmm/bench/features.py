"""Features: MFCC and filterbanks against librosa, torchaudio and Kaldi, on one core; on a GPU
against its memory."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

from rnnmm.batch import Padded
from rnnmm.bench.row import Row, higher_wins, lower_wins, missing, unavailable
from rnnmm.bench.timing import interleaved, threads
from rnnmm.features.kaldi import KaldiFbank
from rnnmm.features.mel import Mfcc
from rnnmm.features.reference import LibrosaMfcc
from rnnmm.features.stage import Stage

SAMPLE_RATE = 16_000
NUM_MFCC, NUM_MELS, N_FFT, WINDOW, HOP = 40, 80, 512, 400, 160
ALLOWED_ERROR = 1e-4  # of the range of librosa's values
# What features that keep each intermediate in memory must move: see RESULTS.md, P13.
BYTES_PER_AUDIO_SECOND = 1.22e6

_UNIT = "audio s/s"
_MFCC, _FBANK = "MFCC, one core, 10 s clips", "Kaldi fbank, one core, 10 s clips"
_COPIED_BYTES = 2**30


def measure(device: torch.device) -> list[Row]:
    """All rows; those of the CPU are of one core, whatever ``device`` is."""
    clips = make_clips(8, 10.0)
    rows = [*mfcc_rows(clips), fbank_row(clips), *error_rows(4.0)]
    if device.type == "cuda":
        return [*rows, device_row(make_clips(64, 10.0).to(device), _COPIED_BYTES)]
    name = "MFCC on a GPU"
    return [*rows, missing("P13", name, _UNIT, None, "device memory (no GPU; device=cuda)")]


def make_clips(count: int, seconds: float) -> Padded:
    """int16 noise through a moving level: the time it takes does not depend on the values."""
    rng = np.random.default_rng(0)
    level = 3000 * (1.1 + np.sin(np.arange(int(seconds * SAMPLE_RATE)) / 800))
    clips = (rng.normal(size=(count, len(level))) * level).clip(-32768, 32767).astype(np.int16)
    return Padded(torch.from_numpy(clips), torch.full((count,), len(level)))


def mfcc_rows(clips: Padded) -> list[Row]:
    """P3: ours on a batch, librosa clip by clip, torchaudio clip by clip and batched."""
    contestants: list[Callable[[], object]] = [partial(_ours, _mfcc(), clips)]
    contestants.append(partial(_librosa_mfcc, clips))
    absent = unavailable("torchaudio")
    if not absent:
        stage = _torchaudio_mfcc()
        contestants += [partial(_each, stage, clips), partial(_batched, stage, clips)]
    ours, librosa, *torchaudio = _rates(contestants, clips)
    rows = [higher_wins("P3", _MFCC, _UNIT, ours, "librosa, clip by clip", librosa, 3)]
    if absent:
        return [*rows, missing("P3", _MFCC, _UNIT, ours, absent)]
    single, batch = torchaudio
    against = f"torchaudio, {'clip by clip' if single > batch else 'batched'}"
    return [*rows, higher_wins("P3", _MFCC, _UNIT, ours, against, max(torchaudio), 2)]


def fbank_row(clips: Padded) -> Row:
    """P3, without a goal: Kaldi's features, against its own code."""
    ours: Callable[[], object] = partial(_ours, KaldiFbank(SAMPLE_RATE, NUM_MELS), clips)
    absent = unavailable("kaldi_native_fbank")
    if absent:
        return missing("P3", _FBANK, _UNIT, _rates([ours], clips)[0], absent)
    rates = _rates([ours, partial(_kaldi_fbank, clips)], clips)
    return higher_wins("P3", _FBANK, _UNIT, rates[0], "kaldi-native-fbank", rates[1])


def error_rows(seconds: float) -> list[Row]:
    """P3: the largest difference from librosa on each kind of signal, as a part of its range."""
    rows = []
    for name, pcm in signals(seconds).items():
        found, expected = (
            stage(Padded.stack([pcm])).data for stage in (_mfcc(), LibrosaMfcc(SAMPLE_RATE))
        )
        error = (found - expected).abs().max() / (expected.max() - expected.min())
        what = f"MFCC error against librosa, {name}"
        row = lower_wins("P3", what, "of range", float(error), "allowed", ALLOWED_ERROR, 1)
        rows.append(row)
    return rows


def device_row(clips: Padded, copied_bytes: int) -> Row:
    """P13: features of a batch that lies on the device, against what its memory could move."""
    stage = _mfcc().to(clips.data.device)
    source = torch.empty(copied_bytes, dtype=torch.uint8, device=clips.data.device)
    target = torch.empty_like(source)
    ours, copy = interleaved([partial(_ours, stage, clips), partial(target.copy_, source)], 9, 3)
    limit = 2 * copied_bytes / copy / BYTES_PER_AUDIO_SECOND  # read and written
    against = "device copy at 1.22 MB per audio s"
    name = f"MFCC on the device, {len(clips.data)} clips"
    return higher_wins("P13", name, _UNIT, _seconds(clips) / ours, against, limit, 0.4)


def signals(seconds: float) -> dict[str, Tensor]:
    """Kinds of int16 PCM, the hard ones included: what is 100 dB below a tone shows rounding."""
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    noise = np.random.default_rng(0).normal(size=len(time))
    pulses = np.sign(np.sin(2 * np.pi * (120 + 15 * time) * time))
    vowel = np.sin(2 * np.pi * 600 * time) + 0.3 * np.sin(2 * np.pi * 1700 * time)
    kinds = {
        "speech-like": 0.3 * pulses * vowel * np.exp(-6 * ((4 * time) % 1)) + 1e-4 * noise,
        "noise": 0.1 * noise,
        "noise of one bit": noise / 32768,
        "tone": 0.5 * np.sin(2 * np.pi * 440 * time),
        "sweep": 0.9 * np.sin(2 * np.pi * (50 + 1900 / seconds * time) * time),
        "clicks": 1.0 * (np.arange(len(time)) % 1000 == 0),
        "silence": 0 * time,
    }
    return {name: _as_pcm(wave) for name, wave in kinds.items()}


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread for torch and for the BLAS under numpy: on one core two would be in their way."""
    with threads(1), threadpool_limits(1, user_api="blas"):
        yield


def _rates(contestants: list[Callable[[], object]], clips: Padded) -> list[float]:
    with one_thread(), torch.inference_mode():
        return [_seconds(clips) / taken for taken in interleaved(contestants, 9, warm_up=2)]


def _seconds(clips: Padded) -> float:
    return int(clips.lengths.sum()) / SAMPLE_RATE


def _as_pcm(wave: npt.NDArray[np.float64]) -> Tensor:
    return torch.from_numpy((wave * 32767).round().clip(-32768, 32767).astype(np.int16))


def _mfcc() -> Mfcc:
    return Mfcc(SAMPLE_RATE, NUM_MFCC, NUM_MELS)


def _ours(stage: Stage, clips: Padded) -> object:
    return stage(clips)


def _librosa_mfcc(clips: Padded) -> None:
    import librosa

    for clip in clips.data.numpy():
        librosa.feature.mfcc(
            y=clip / np.float32(32768), sr=SAMPLE_RATE, n_mfcc=NUM_MFCC, n_mels=NUM_MELS,
            n_fft=N_FFT, win_length=WINDOW, hop_length=HOP, pad_mode="constant",
        )  # fmt: skip


def _torchaudio_mfcc() -> torch.nn.Module:
    import torchaudio

    mel = {"n_fft": N_FFT, "win_length": WINDOW, "hop_length": HOP, "n_mels": NUM_MELS,
           "mel_scale": "slaney", "norm": "slaney", "pad_mode": "constant"}  # fmt: skip
    stage: torch.nn.Module = torchaudio.transforms.MFCC(SAMPLE_RATE, NUM_MFCC, melkwargs=mel)
    return stage


def _each(stage: torch.nn.Module, clips: Padded) -> None:
    for clip in clips.data:
        stage(clip / 32768)


def _batched(stage: torch.nn.Module, clips: Padded) -> object:
    return stage(clips.data / 32768)


def _kaldi_fbank(clips: Padded) -> None:
    import kaldi_native_fbank

    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.dither = 0
    options.mel_opts.num_bins = NUM_MELS
    for clip in clips.data.numpy():
        fbank = kaldi_native_fbank.OnlineFbank(options)
        fbank.accept_waveform(SAMPLE_RATE, clip.astype(np.float32))
        fbank.input_finished()
        np.stack([fbank.get_frame(t) for t in range(fbank.num_frames_ready)])
