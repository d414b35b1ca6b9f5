"""P12: media files to a store, by one worker and by two, against decoding alone.

Three corpora of real codecs, each six to nine seconds of work for one worker, so that the start of
the processes (a row of its own) is a small part: speech in FLAC at 16 kHz, stereo MP3 at 44.1 kHz,
and H.264 of 320 x 240, stored as the shipped config has it: sound at 16 kHz, pictures of 112 x 112
at 10 per second. Copies of a few files stand for many: each is hashed, decoded and
stored by itself. All of it lies in the page cache, for every contestant.

- **Scaling**: the wall time of `preprocess` with one worker over that with two, everything
  included (start of the processes, hashing of the sources, index), against two.
- **Throughput** of two workers against the smaller of two limits, each measured in the same round
  by two processes that are already running: rnnmm's own decoder with nothing stored, and writing
  as many bytes as the store has, through to the disk. What the decoder itself costs over the bare
  codec is the next row; `bench decode` looks into that.
"""

import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from rnnmm.bench.limits import decode_flac, decode_h264
from rnnmm.bench.recording import durations_s, speech, write_flac, write_mp3, write_mp4
from rnnmm.bench.row import Row, higher_wins, lower_wins
from rnnmm.bench.timing import interleaved
from rnnmm.manifest import Item, Manifest
from rnnmm.media.decode import Decoding, decode
from rnnmm.store.preprocess import preprocess
from rnnmm.store.source import read_sources

_WORKERS = 2
_ROUNDS = 5
_CHUNK_BYTES = 8 << 20
_FEW = 50  # up to so many files the limits decode all, above every third


@dataclass(frozen=True)
class Kind:
    """One kind of media.

    Args:
        name: for people.
        suffix: of its files.
        make: writes the n-th file and returns its duration in seconds.
        num_files: made.
        num_copies: of each, itself included.
        decoding: what is stored of it.
        bare: the codec alone.
    """

    name: str
    suffix: str
    make: Callable[[Path, int], float]
    num_files: int
    num_copies: int
    decoding: Decoding
    bare: Callable[[Path], None]


@dataclass(frozen=True)
class Corpus:
    """What is decoded.

    Args:
        manifest: all files.
        duration_s: of all of them.
        paths: absolute.
    """

    manifest: Manifest
    duration_s: float
    paths: tuple[Path, ...]


def kinds() -> list[Kind]:
    """FLAC, MP3 and MP4, each six to nine seconds of work for one core of 2024."""
    return [
        Kind("FLAC", ".flac", _make_flac, 60, 40, Decoding(16_000), decode_flac),
        Kind("MP3", ".mp3", _make_mp3, 10, 40, Decoding(16_000), decode_mp3),
        Kind("MP4", ".mp4", _make_mp4, 8, 32, Decoding(None, 10.0), decode_h264),
    ]


def measure(device: torch.device) -> list[Row]:
    """Scaling and throughput of every kind, and the fixed costs; the device plays no part."""
    context = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory() as name,
        ProcessPoolExecutor(_WORKERS, mp_context=context) as pool,
    ):
        rows = []
        for kind in kinds():
            folder = Path(name) / kind.suffix
            corpus = make_corpus(kind, folder / "media")
            rows += compare(kind, corpus, folder / "stores", pool, _ROUNDS)
            if kind.suffix == ".flac":
                rows += fixed_rows(kind, corpus, folder / "stores", _ROUNDS)
            shutil.rmtree(folder)
    return rows


def make_corpus(kind: Kind, folder: Path) -> Corpus:
    """Writes the files of a kind and their copies."""
    folder.mkdir(parents=True)
    duration_s, paths = 0.0, []
    for index in range(kind.num_files):
        first = folder / f"{index:03}-000{kind.suffix}"
        duration_s += kind.make(first, index) * kind.num_copies
        paths.append(first)
        for copy in range(1, kind.num_copies):
            paths.append(Path(shutil.copy(first, folder / f"{index:03}-{copy:03}{kind.suffix}")))
    items = tuple(Item(path.stem, path.name, "train") for path in paths)
    return Corpus(Manifest("bench", folder, items), duration_s, tuple(paths))


def compare(
    kind: Kind, corpus: Corpus, stores: Path, pool: ProcessPoolExecutor, rounds: int
) -> list[Row]:
    """The rows of one kind: one worker, two workers and the limits, in turn."""
    size = _store_bytes(_fill(kind, corpus, stores, _WORKERS))
    _share(pool, partial(_call_all, kind.bare), corpus.paths[:_FEW])  # starts the processes
    sample = corpus.paths[:: 3 if len(corpus.paths) > _FEW else 1]
    sample_s = corpus.duration_s * len(sample) / len(corpus.paths)
    one_s, two_s, decoding_s, bare_s, disk_s = interleaved([
        lambda: _fill(kind, corpus, stores, 1),
        lambda: _fill(kind, corpus, stores, _WORKERS),
        lambda: _share(pool, partial(_decode_all, kind.decoding), sample),
        lambda: _share(pool, partial(_call_all, kind.bare), sample),
        lambda: list(pool.map(partial(_write_disk, size // _WORKERS), _outputs(stores))),
    ], rounds, warm_up=0)  # fmt: skip
    limits = {
        "decoding alone": sample_s / decoding_s,
        "disk writes with fsync": corpus.duration_s / disk_s,
    }
    lowest = min(limits, key=lambda name: limits[name])
    ours, unit = corpus.duration_s / two_s, "media s/s"
    name = f"{kind.name} to store, {_WORKERS} workers"
    return [
        higher_wins("P12", f"{kind.name}: one worker's time over two's", "x",
                    one_s / two_s, "perfect scaling", float(_WORKERS), 0.9),
        higher_wins("P12", name, unit, ours, f"{lowest}, {_WORKERS} processes",
                    limits[lowest], 0.85),
        higher_wins("P12", name, unit, ours, f"bare codec, {_WORKERS} processes",
                    sample_s / bare_s),
    ]  # fmt: skip


def fixed_rows(kind: Kind, corpus: Corpus, stores: Path, rounds: int) -> list[Row]:
    """What any run costs: the start, and finding out that nothing has changed."""
    single = Manifest("single", corpus.manifest.root, corpus.manifest.items[:1])
    one = Corpus(single, 0.0, corpus.paths[:1])
    paths = [path.name for path in corpus.paths]
    _fill(kind, corpus, stores, _WORKERS)
    start_s, again_s, hash_s = interleaved([
        lambda: _fill(kind, one, stores, 1),
        lambda: preprocess(corpus.manifest, kind.decoding, stores),
        lambda: read_sources(corpus.manifest.root, paths),
    ], rounds)  # fmt: skip
    return [
        Row("P12", "fixed cost of a run: a store of one file", "s", start_s),
        lower_wins("P12", f"a finished store found again, {len(paths)} files", "s", again_s,
                   "hashing the sources alone", hash_s),
    ]  # fmt: skip


def decode_mp3(path: Path) -> None:
    """Decodes every frame and drops it."""
    import av

    with av.open(str(path)) as container:
        for _ in container.decode(audio=0):
            pass


def _fill(kind: Kind, corpus: Corpus, stores: Path, workers: int) -> Path:
    """A store made from nothing, as by a first run: no finished one, no recorded digests."""
    for left in (*stores.glob(f"{corpus.manifest.name}-*"), stores / ".sources"):
        shutil.rmtree(left, ignore_errors=True)
    return preprocess(corpus.manifest, kind.decoding, stores, workers=workers)


def _store_bytes(store: Path) -> int:
    return sum(path.stat().st_size for path in store.rglob("*") if path.is_file())


def _share(
    pool: ProcessPoolExecutor, work: Callable[[Sequence[Path]], None], paths: Sequence[Path]
) -> None:
    """Has the processes take small piles of files until none is left."""
    piles = [paths[start :: 8 * _WORKERS] for start in range(8 * _WORKERS)]
    list(pool.map(work, filter(None, piles)))


def _decode_all(decoding: Decoding, paths: Sequence[Path]) -> None:
    for path in paths:
        decode(path, decoding)


def _call_all(bare: Callable[[Path], None], paths: Sequence[Path]) -> None:
    for path in paths:
        bare(path)


def _outputs(stores: Path) -> list[Path]:
    return [stores / f"output{number}" for number in range(_WORKERS)]


def _write_disk(num_bytes: int, path: Path) -> None:
    chunk = bytes(_CHUNK_BYTES)
    with path.open("wb", buffering=0) as file:
        for start in range(0, num_bytes, _CHUNK_BYTES):
            file.write(chunk[: num_bytes - start])
        os.fsync(file.fileno())
    path.unlink()


def _make_flac(path: Path, index: int) -> float:
    duration_s = float(durations_s(60)[index % 60])
    write_flac(path, speech(duration_s, 16_000, index), 16_000)
    return duration_s


def _make_mp3(path: Path, index: int) -> float:
    duration_s = float(durations_s(60)[index % 60])
    write_mp3(path, speech(duration_s, 44_100, index), 44_100)
    return duration_s


def _make_mp4(path: Path, index: int) -> float:
    write_mp4(path, 75, seed=index)
    return 3.0
