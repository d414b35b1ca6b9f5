"""P4: a video file to training frames. P5: random clips out of the store. Both per core.

P4 takes H.264 of 25 pictures/s, a key frame each 10 s and B-frames between, to frames of 112 px:
at the 10 frames/s that `configs/preprocess` asks for, and of every picture. Its limit is
libavcodec alone: every picture decoded, none looked at. Pictures that nobody wants and no other
refers to are not decoded by us, so that the limit can be passed. P5 reads clips of 16 consecutive
frames. With half a group decoded in vain on average, its limit is n / (n + G/2) of the pace at
which libavcodec decodes the same stored films from end to end.

Time is that of the processor, all threads together, and everyone is kept on one core: what others
do on the machine then counts little. Contestants take turns; medians are compared.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import av
import cv2
import numpy as np
import torch

from rnnmm.bench.decode_peers import (
    Frames,
    Peer,
    by_decord,
    by_opencv,
    by_swscale,
    by_torchcodec,
    chosen_indices,
    clip_by_pyav,
    unusable,
)
from rnnmm.bench.limits import decode_h264
from rnnmm.bench.recording import write_mp4
from rnnmm.bench.row import Row, higher_wins, lower_wins, missing
from rnnmm.bench.timing import threads
from rnnmm.manifest import Item, Manifest
from rnnmm.media.decode import Decoding, Storage, decode
from rnnmm.media.film import Film, encode_film
from rnnmm.store.preprocess import preprocess
from rnnmm.store.reader import Store, open_store

PICTURE_RATE = 25.0
FRAME_RATES = (10.0, PICTURE_RATE)
SIZES = {"240p": (320, 240), "480p": (640, 480)}
NUM_PICTURES = 250
NUM_FILMS = 4
FRAME_PX = 112
GOP_SIZE = 16
CLIP_FRAMES = 16

_NUM_CLIPS = 40
_ROUNDS = 5


def measure(device: torch.device) -> list[Row]:
    """Decoding at two sizes and two rates, then clips; on the CPU whatever the device."""
    cv2.setNumThreads(1)
    rows = []
    with tempfile.TemporaryDirectory() as folder, threads(1), _one_core():
        for name, (width, height) in SIZES.items():
            path = Path(folder) / f"{name}.mp4"
            write_mp4(path, NUM_PICTURES, width, height)
            rows += [row for rate in FRAME_RATES for row in decode_rows(name, path, rate)]
        return rows + clip_rows(Path(folder))


def decode_rows(name: str, path: Path, frame_rate: float) -> list[Row]:
    """One file at one rate; all figures in pictures of the file per second."""
    indices = chosen_indices(NUM_PICTURES, PICTURE_RATE, frame_rate)
    decoding = Decoding(frame_rate=frame_rate, height=FRAME_PX, width=FRAME_PX)
    peers, absent = _peers(path)
    everyone: list[Callable[[], object]] = [
        partial(decode, path, decoding),
        partial(decode_h264, path),
        *(partial(peer, path, indices, FRAME_PX) for peer in peers.values()),
    ]
    ours, bare, *theirs = (NUM_PICTURES / taken_s for taken_s in core_s(everyone, _ROUNDS))
    every = "every picture" if frame_rate == PICTURE_RATE else f"{frame_rate:g} frames/s"
    what, unit = f"{name}, {every} at {FRAME_PX} px", "pictures/s"
    rows = [higher_wins("P4", what, unit, ours, "libavcodec, nothing converted", bare, 0.85)]
    for peer, pace in zip(peers, theirs):
        goal = 1.2 if peer == "OpenCV" else None
        rows.append(higher_wins("P4", what, unit, ours, peer, pace, goal))
    return rows + [missing("P4", what, unit, ours, why) for why in absent]


def _peers(path: Path) -> tuple[dict[str, Peer], list[str]]:
    """Those that work here, tried on one picture, and why others do not."""
    peers: dict[str, Peer] = {"OpenCV": by_opencv, "PyAV + swscale": by_swscale}
    optional: dict[str, Peer] = {"decord": by_decord, "torchcodec": by_torchcodec}
    first = chosen_indices(1, PICTURE_RATE, PICTURE_RATE)
    faults = {
        name: unusable(name, partial(optional[name], path, first, FRAME_PX)) for name in optional
    }
    peers |= {name: peer for name, peer in optional.items() if faults[name] is None}
    return peers, [fault for fault in faults.values() if fault is not None]


def clip_rows(folder: Path) -> list[Row]:
    """Random clips from stores of the same films, as H.264 and raw, and from the source."""
    sources = [folder / f"film{seed}.mp4" for seed in range(NUM_FILMS)]
    for seed, path in enumerate(sources):
        write_mp4(path, NUM_PICTURES, seed=seed)
    rng = np.random.default_rng(0)
    films = rng.integers(NUM_FILMS, size=_NUM_CLIPS)
    starts = rng.integers(NUM_PICTURES - CLIP_FRAMES + 1, size=_NUM_CLIPS)
    clips = [Clip(*pair) for pair in zip(films.tolist(), starts.tolist())]
    filmed, raw = _store(sources, folder, "h264"), _store(sources, folder, "raw")
    return [
        *_film_rows(filmed, raw, sources, clips),
        _raw_row(raw, clips),
        *_cost_rows(filmed, raw),
    ]


class Clip(NamedTuple):
    """Consecutive frames of one film, from the start-th."""

    film: int
    start: int


def core_s(calls: Sequence[Callable[[], object]], rounds: int) -> list[float]:
    """Median processor seconds of each call, all its threads together; A B C A B C ..."""
    taken: list[list[float]] = [[] for _ in calls]
    for turn in range(rounds + 1):
        for call, seconds in zip(calls, taken):
            start = time.process_time()
            call()
            if turn > 0:  # the first one warms up
                seconds.append(time.process_time() - start)
    return [statistics.median(seconds) for seconds in taken]


def _film_rows(filmed: Store, raw: Store, sources: list[Path], clips: list[Clip]) -> list[Row]:
    films = [_film(raw.frames(i)) for i in range(len(raw))]
    # As a loader does. Were all clips kept, the kernel would be asked for fresh memory all the
    # time, which costs more than this copy; the bare decoder uses its own memory again and again.
    batch = np.zeros((len(clips), CLIP_FRAMES, FRAME_PX, FRAME_PX, 3), np.uint8)

    def fill(frames: Iterator[Frames]) -> None:
        for target, clip in zip(batch, frames):
            target[:] = clip

    ours_s, bare_s, source_s = core_s(
        [
            lambda: fill(filmed.clip(*clip, CLIP_FRAMES) for clip in clips),
            lambda: _decode_bare(films),
            lambda: fill(_clip_of_source(sources[clip.film], clip.start) for clip in clips),
        ],
        _ROUNDS,
    )
    num_frames = CLIP_FRAMES * len(clips)
    bare = NUM_PICTURES * len(films) / bare_s
    bound = bare * CLIP_FRAMES / (CLIP_FRAMES + GOP_SIZE / 2)
    what = f"clips of {CLIP_FRAMES} frames from the store, H.264, groups of {GOP_SIZE}"
    ours = num_frames / ours_s
    return [
        higher_wins("P5", what, "frames/s", ours, "n/(n + G/2) of libavcodec", bound, 0.8),
        higher_wins(
            "P5", what, "frames/s", ours, "PyAV, sought in a 240p MP4", num_frames / source_s
        ),
    ]


def _raw_row(raw: Store, clips: list[Clip]) -> Row:
    """Clips copied into a batch, against as much memory copied from anywhere else."""
    batch = np.empty((len(clips), CLIP_FRAMES, FRAME_PX, FRAME_PX, 3), np.uint8)
    films = np.stack([raw.frames(i) for i in range(len(raw))])  # (films, T, H, W, 3)

    def from_store() -> None:
        for target, clip in zip(batch, clips):
            target[:] = raw.clip(*clip, CLIP_FRAMES)

    def from_memory() -> None:
        for target, (film, start) in zip(batch, clips):
            target[:] = films[film, start : start + CLIP_FRAMES]

    ours_s, memory_s = core_s([from_store, from_memory], 3 * _ROUNDS)
    what = f"clips of {CLIP_FRAMES} frames from the store, raw, into a batch"
    size_gb = batch.nbytes / 1e9
    return higher_wins(
        "P5", what, "GB/s", size_gb / ours_s, "memcpy of the same", size_gb / memory_s, 0.8
    )


def _cost_rows(filmed: Store, raw: Store) -> list[Row]:
    """What H.264 saves, and what it takes away."""
    sizes = [sum(shard["size"] for shard in store.info["shards"]) for store in (filmed, raw)]
    num_frames = int(raw.num_frames.sum())
    kept, lost = (size / num_frames / 1e3 for size in sizes)
    error = np.mean(
        [np.square(filmed.frames(i) - raw.frames(i).astype(np.float32)) for i in (0, 1)]
    )
    return [
        lower_wins("P5", f"size of a stored frame, {FRAME_PX} px, H.264", "kB", kept, "raw", lost),
        Row("P5", "H.264 in the store, PSNR to raw", "dB", 10 * np.log10(255**2 / float(error))),
    ]


def _store(sources: list[Path], folder: Path, frames: Storage) -> Store:
    items = tuple(Item(path.stem, path.name, "train") for path in sources)
    decoding = Decoding(
        frame_rate=PICTURE_RATE, height=FRAME_PX, width=FRAME_PX, frames=frames, gop_size=GOP_SIZE
    )
    manifest = Manifest(f"films-{frames}", folder, items)
    return open_store(preprocess(manifest, decoding, folder / "stores", workers=1))


def _film(frames: Frames) -> Film:
    return encode_film(frames, GOP_SIZE, Decoding().crf)


def _decode_bare(films: list[Film]) -> None:
    """Every picture, from end to end, as libavcodec gives it."""
    for film in films:
        decoder: Any = av.CodecContext.create("h264", "r")
        decoder.thread_count = 1
        data, start = film.data.tobytes(), 0
        for size in film.packet_bytes.tolist():
            decoder.decode(av.Packet(data[start : start + size]))
            start += size


def _clip_of_source(path: Path, start: int) -> Frames:
    return clip_by_pyav(path, start / PICTURE_RATE, CLIP_FRAMES, FRAME_PX)


@contextmanager
def _one_core() -> Iterator[None]:
    """Keeps this process, and those that it starts, on one core where the system can."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
