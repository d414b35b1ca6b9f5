"""P1, P2, P9: from files or a store to batches, against memcpy and against other loaders.

Our loader reads the store, into which the media were decoded once; the others read what each
row's name says. All give padded batches of 40 MFCC (of 80 mels, hop 10 ms) or of RGB frames.
Two threads or two workers make them for each: on a CPU, ours compute the MFCC in the loader's two
threads, where training would compute them in its step.
"""

import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from rnnmm.batch import InputBatch, Padded
from rnnmm.bench import loader_peers as peers
from rnnmm.bench.loader_media import (
    SAMPLE_RATE,
    Corpus,
    make_flac,
    make_mp3,
    make_mp4,
    make_wav,
    write_tars,
)
from rnnmm.bench.loader_step import fed_against_cached
from rnnmm.bench.row import Row, higher_wins, missing, unavailable
from rnnmm.bench.timing import interleaved, threads
from rnnmm.features.mel import Mfcc
from rnnmm.loading.gather import Kind, gather, payload_lengths
from rnnmm.loading.loader import Loader
from rnnmm.loading.order import Batching, sorted_order
from rnnmm.loading.ring import Ring
from rnnmm.store.reader import Store

NUM_WAV, NUM_FLAC, NUM_MP3, NUM_MP4 = 256, 192, 48, 32
_BATCH = 16
_GATHER_BATCH = 64  # of 10 s: 20 MB
_DEPTH = 4
_PASSES = 4  # over the clips, so that starting the threads does not count
_VIDEO_BATCH = 8

Contestant = Callable[[], object]


def measure(device: torch.device) -> list[Row]:
    """Makes the media in a temporary folder and measures; the peers run on the CPU, always."""
    with tempfile.TemporaryDirectory() as folder:
        flac = make_flac(Path(folder), NUM_FLAC)
        rows = gathering(make_wav(Path(folder), NUM_WAV).store)
        rows += [fed_against_cached(flac.store, device)]
        rows += from_flac(flac, Path(folder) / "tars", device)
        rows += from_mp3(make_mp3(Path(folder), NUM_MP3), device)
        return rows + from_mp4(make_mp4(Path(folder), NUM_MP4), device)


def gathering(store: Store) -> list[Row]:
    """P1: the same bytes, from the mapped shards to batches and from one array to another."""
    batches, ring = _batches(store, "audio", _GATHER_BATCH) * _PASSES, Ring(_DEPTH + 2)
    each = [
        np.concatenate([store.audio(row) for row in rows])
        for rows in batches[: len(batches) // _PASSES]
    ]
    sounds = each * _PASSES
    buffers = [np.empty(max(map(len, each)), np.int16) for _ in range(2)] * len(sounds)
    gigabytes = sum(sound.nbytes for sound in sounds) / 1e9

    def copy(buffer: NDArray[np.int16], sound: NDArray[np.int16]) -> None:
        np.copyto(buffer[: len(sound)], sound)

    def gather_all() -> None:
        for rows in batches:
            gather(store, rows, "audio", ring)

    def copy_all() -> None:
        for buffer, sound in zip(buffers, sounds):
            copy(buffer, sound)

    with ThreadPoolExecutor(2) as pool:
        seconds = interleaved([
            gather_all,
            copy_all,
            lambda: _drain(_loader(store, "audio", batches, ring)),
            lambda: list(pool.map(copy, buffers, sounds)),
        ], repeats=15, warm_up=3)  # fmt: skip
    ours, one, ours_threaded, two = (gigabytes / taken for taken in seconds)
    unit = f"GB/s, batches of {_GATHER_BATCH} clips of 10 s"
    return [
        higher_wins("P1", "gather, 1 thread", unit, ours, "memcpy", one, 0.6),
        higher_wins("P1", "gather through the loader, 2 threads", unit, ours_threaded,
                    "memcpy, 2 threads", two, 0.6),
    ]  # fmt: skip


def from_flac(corpus: Corpus, tar_folder: Path, device: torch.device) -> list[Row]:
    """P2: MFCC batches of 16 kHz speech."""
    name = "store to MFCC batches"
    field: list[tuple[str, float, str | None, Callable[[], Iterable[object]]]] = [
        ("DataLoader, 2 workers, librosa, from FLAC", 5.0, unavailable("librosa"),
         lambda: peers.plain(peers.MfccFiles(corpus.paths), _BATCH)),
        ("lhotse, 2 workers, its MFCC on the fly, from FLAC", 3.0, unavailable("lhotse"),
         lambda: peers.lhotse(corpus.paths, _BATCH)),
        ("WebDataset, 2 workers, torchaudio's MFCC, from tars of PCM", 3.0,
         unavailable("webdataset", "torchaudio"),
         lambda: peers.webdataset(write_tars(corpus, tar_folder), _BATCH)),
    ]  # fmt: skip
    here = [(against, goal, make()) for against, goal, reason, make in field if reason is None]
    seconds = interleaved(
        [_mfcc_epoch(corpus.store, device), *(_epoch(loader) for _, _, loader in here)]
    )
    ours, *theirs = (corpus.seconds / each for each in seconds)
    unit = _unit("x real time", corpus)
    return [
        *(higher_wins("P2", name, unit, ours, against, their, goal)
          for (against, goal, _), their in zip(here, theirs)),
        *(missing("P2", name, unit, ours, reason) for _, _, reason, _ in field if reason),
    ]  # fmt: skip


def from_mp3(corpus: Corpus, device: torch.device) -> list[Row]:
    """P2: MFCC batches of 44.1 kHz stereo sound."""
    loader = peers.plain(peers.MfccFiles(corpus.paths), _BATCH)
    seconds = interleaved([_mfcc_epoch(corpus.store, device), _epoch(loader)])
    ours, theirs = (corpus.seconds / each for each in seconds)
    against = "DataLoader, 2 workers, librosa, from 44.1 kHz MP3"
    unit = _unit("x real time", corpus)
    return [higher_wins("P2", "store to MFCC batches", unit, ours, against, theirs, 10.0)]


def from_mp4(corpus: Corpus, device: torch.device) -> list[Row]:
    """P2: batches of video frames."""
    batches = _batches(corpus.store, "frames", _VIDEO_BATCH)
    ring = _ring(device)
    theirs_loader = peers.plain(peers.VideoFiles(corpus.paths), _VIDEO_BATCH)
    seconds = interleaved([
        lambda: _drain(_loader(corpus.store, "frames", batches, ring, device)),
        _epoch(theirs_loader),
    ])  # fmt: skip
    ours, theirs = (corpus.num_frames / each for each in seconds)
    against = "DataLoader, 2 workers, OpenCV decode and resize, from MP4"
    unit = _unit("frames/s", corpus)
    return [higher_wins("P2", "store to frame batches", unit, ours, against, theirs, 10.0)]


def _mfcc_epoch(store: Store, device: torch.device) -> Contestant:
    batches, ring = _batches(store, "audio", _BATCH), _ring(device)
    mfcc = Mfcc(SAMPLE_RATE, peers.NUM_MFCC, peers.NUM_MELS).to(device)

    def make(rows: Sequence[int]) -> Padded:
        with torch.inference_mode():
            features: Padded = mfcc(gather(store, rows, "audio", ring))
            return features

    def on_cpu() -> None:
        with threads(1):
            _drain(Loader(make, batches, _DEPTH))

    def on_gpu() -> None:
        with torch.inference_mode():
            for batch in _loader(store, "audio", batches, ring, device):
                mfcc(batch.inputs)

    return on_cpu if device.type == "cpu" else on_gpu


def _epoch(loader: Iterable[object]) -> Contestant:
    return lambda: _drain(loader)


def _drain(batches: Iterable[object]) -> None:
    for _ in batches:
        pass


def _loader(
    store: Store, kind: Kind, batches: Sequence[list[int]], ring: Ring,
    device: torch.device | None = None,
) -> Loader[InputBatch]:  # fmt: skip
    def make(rows: Sequence[int]) -> InputBatch:
        return InputBatch(torch.as_tensor(rows), gather(store, rows, kind, ring))

    return Loader(make, batches, _DEPTH, device or torch.device("cpu"))


def _batches(store: Store, kind: Kind, batch_size: int) -> list[list[int]]:
    lengths = payload_lengths(store, kind)
    return [rows.tolist() for rows in sorted_order(lengths, Batching(batch_size))]


def _ring(device: torch.device) -> Ring:
    return Ring(_DEPTH + 2, is_pinned=device.type == "cuda")


def _unit(unit: str, corpus: Corpus) -> str:
    return f"{unit}, {len(corpus.paths)} clips"
