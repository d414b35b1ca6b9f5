"""A small corpus in each format, and its store: what the loaders of `rnnmm.bench.loader` read."""

import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from soundfile import write as write_sound

from rnnmm.bench.recording import durations_s, speech, write_flac, write_mp3, write_mp4
from rnnmm.manifest import Item, Manifest
from rnnmm.media.decode import Decoding
from rnnmm.store.preprocess import preprocess
from rnnmm.store.reader import Store, open_store

SAMPLE_RATE = 16_000
MP3_RATE = 44_100
FRAME_RATE = 25
PICTURE_PX = 112
_CLIP_FRAMES = (50, 100)  # of a video: 2 to 4 s
_TAR_FILES = 4


@dataclass(frozen=True)
class Corpus:
    """Media files and the store that they were decoded to.

    Args:
        paths: of the files.
        store: a row per file, in the same order.
    """

    paths: list[Path]
    store: Store

    @property
    def seconds(self) -> float:
        """Of sound, in all files together."""
        return float(self.store.num_samples.sum()) / SAMPLE_RATE

    @property
    def num_frames(self) -> int:
        """Of pictures, in all files together."""
        return int(self.store.num_frames.sum())


def make_flac(folder: Path, count: int) -> Corpus:
    """Speech at 16 kHz."""
    lengths = durations_s(count)

    def write(path: Path, index: int) -> None:
        write_flac(path, speech(lengths[index], SAMPLE_RATE, index), SAMPLE_RATE)

    return _make(folder, "flac", count, write, Decoding(sample_rate=SAMPLE_RATE))


def make_wav(folder: Path, count: int) -> Corpus:
    """Noise at 16 kHz, 9.5 to 10 s: as alike in length as a batch of a large corpus."""
    rng = np.random.default_rng(0)

    def write(path: Path, index: int) -> None:
        num_samples = rng.integers(19 * SAMPLE_RATE // 2, 10 * SAMPLE_RATE)
        write_sound(path, rng.integers(-9999, 9999, num_samples, np.int16), SAMPLE_RATE)

    return _make(folder, "wav", count, write, Decoding(sample_rate=SAMPLE_RATE))


def make_mp3(folder: Path, count: int) -> Corpus:
    """Speech at 44.1 kHz, stereo."""
    lengths = durations_s(count)

    def write(path: Path, index: int) -> None:
        write_mp3(path, speech(lengths[index], MP3_RATE, index), MP3_RATE)

    return _make(folder, "mp3", count, write, Decoding(sample_rate=SAMPLE_RATE))


def make_mp4(folder: Path, count: int) -> Corpus:
    """Silent clips of 320 x 240 pixels."""
    lengths = np.random.default_rng(0).integers(*_CLIP_FRAMES, count)

    def write(path: Path, index: int) -> None:
        write_mp4(path, int(lengths[index]), seed=index)

    decoding = Decoding(frame_rate=FRAME_RATE, height=PICTURE_PX, width=PICTURE_PX)
    return _make(folder, "mp4", count, write, decoding)


def write_tars(corpus: Corpus, folder: Path) -> list[str]:
    """The decoded sound as WebDataset keeps it: tar files of ``.npy`` arrays of int16."""
    folder.mkdir()
    paths = [folder / f"{number}.tar" for number in range(_TAR_FILES)]
    for number, path in enumerate(paths):
        with tarfile.open(path, "w") as tar:
            for row in range(number, len(corpus.store), _TAR_FILES):
                _add(tar, f"{row:06d}.npy", corpus.store.audio(row))
    return [str(path) for path in paths]


def _make(
    folder: Path, suffix: str, count: int, write: Callable[[Path, int], None], decoding: Decoding
) -> Corpus:
    media = folder / suffix
    media.mkdir()
    paths = [media / f"{index:04d}.{suffix}" for index in range(count)]
    for index, path in enumerate(paths):
        write(path, index)
    items = tuple(Item(path.stem, path.name, "train") for path in paths)
    made = preprocess(Manifest(suffix, media, items), decoding, folder / "stores")
    return Corpus(paths, open_store(made))


def _add(tar: tarfile.TarFile, name: str, array: NDArray[np.int16]) -> None:
    buffer = BytesIO()
    np.save(buffer, array)
    info = tarfile.TarInfo(name)
    info.size = buffer.tell()
    buffer.seek(0)
    tar.addfile(info, buffer)
