"""The loaders that ours is measured against, each as its users set it up.

All of them have two workers that live on between epochs and compute with one thread each. They are
spawned, as OpenCV does not survive a fork.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from rnnmm.bench.loader_media import PICTURE_PX, SAMPLE_RATE

WORKERS = 2
NUM_MFCC = 40
NUM_MELS = 80
N_FFT, WINDOW, HOP = 512, 400, 160
_BUCKETS = 4
_SHUFFLED = 64

Epoch = Callable[[], object]


class MfccFiles(Dataset[Tensor]):
    """What users write: a file in, librosa's MFCC out.

    Args:
        paths: any that `librosa.load` reads.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = [str(path) for path in paths]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Tensor:
        import librosa

        samples, _ = librosa.load(self.paths[index], sr=SAMPLE_RATE)
        mfcc = librosa.feature.mfcc(
            y=samples, sr=SAMPLE_RATE, n_mfcc=NUM_MFCC, n_mels=NUM_MELS, n_fft=N_FFT,
            win_length=WINDOW, hop_length=HOP,
        )  # fmt: skip
        return torch.from_numpy(mfcc.T)  # (T, F)


class VideoFiles(Dataset[Tensor]):
    """What users write: a file in, OpenCV's frames out, resized.

    Args:
        paths: any that OpenCV reads.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = [str(path) for path in paths]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Tensor:
        return torch.from_numpy(read_video(self.paths[index]))


class CutFeatures(Dataset[Any]):
    """lhotse's features on the fly, of the cuts that its sampler puts together.

    Args:
        features: an ``OnTheFlyFeatures``.
    """

    def __init__(self, features: Any) -> None:
        self.features = features

    def __getitem__(self, cuts: Any) -> Any:
        return self.features(cuts)


class TorchMfcc:
    """int16 PCM to MFCC by torchaudio, clip by clip: faster than by librosa."""

    def __init__(self) -> None:
        from torchaudio.transforms import MFCC

        mel = {"n_fft": N_FFT, "win_length": WINDOW, "hop_length": HOP, "n_mels": NUM_MELS}
        self._mfcc = MFCC(SAMPLE_RATE, NUM_MFCC, melkwargs=mel)

    def __call__(self, sample: tuple[NDArray[np.int16]]) -> Tensor:
        mfcc: Tensor = self._mfcc(torch.from_numpy(sample[0]).float() / 32768)
        return mfcc.T  # (T, F)


def plain(dataset: Dataset[Tensor], batch_size: int) -> Iterable[Any]:
    """A shuffled DataLoader over files that pads what comes."""
    return DataLoader(dataset, batch_size, shuffle=True, collate_fn=pad, **_workers())


def lhotse(paths: Sequence[Path], batch_size: int) -> Iterable[Any]:
    """lhotse: cuts of whole files, dynamic buckets, its own MFCC of a batch, on the fly."""
    from lhotse import CutSet, Mfcc, MfccConfig, Recording
    from lhotse.dataset import DynamicBucketingSampler, OnTheFlyFeatures

    listed = paths[0].parent.with_suffix(".jsonl")  # read lazily: what its sampler is made for
    CutSet.from_cuts(Recording.from_file(path).to_cut() for path in paths).to_file(listed)
    cuts = CutSet.from_jsonl_lazy(listed)
    mfcc = Mfcc(MfccConfig(num_filters=NUM_MELS, num_ceps=NUM_MFCC))
    sampler = DynamicBucketingSampler(
        cuts, max_cuts=batch_size, num_buckets=_BUCKETS, shuffle=True
    )
    dataset = CutFeatures(OnTheFlyFeatures(mfcc))
    return DataLoader(dataset, sampler=sampler, batch_size=None, **_workers())


def webdataset(tars: Sequence[str], batch_size: int) -> Iterable[Any]:
    """WebDataset: shuffled tars of PCM, MFCC by torchaudio, padded batches."""
    import webdataset as wds

    dataset = wds.WebDataset(list(tars), shardshuffle=len(tars)).shuffle(_SHUFFLED).decode()
    batches = dataset.to_tuple("npy").map(TorchMfcc()).batched(batch_size, collation_fn=pad)
    return wds.WebLoader(batches, batch_size=None, **_workers())  # type: ignore[no-any-return]


def pad(rows: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """``(B, T, ...)`` and ``(B,)`` lengths."""
    lengths = torch.tensor([len(row) for row in rows])
    return torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True), lengths


def read_video(path: str) -> NDArray[np.uint8]:
    """``(T, H, W, 3)`` RGB frames of the size that the store has."""
    import cv2

    capture, frames = cv2.VideoCapture(path), []
    while True:
        is_read, frame = capture.read()
        if not is_read:
            break
        small = cv2.resize(frame, (PICTURE_PX, PICTURE_PX), interpolation=cv2.INTER_LINEAR)
        frames.append(cv2.cvtColor(small, cv2.COLOR_BGR2RGB))
    capture.release()
    return np.stack(frames)


def one_thread(worker: int) -> None:
    """Two workers on two cores: more threads would be in each other's way."""
    import cv2
    from threadpoolctl import threadpool_limits

    cv2.setNumThreads(1)
    threadpool_limits(1)


def _workers() -> dict[str, Any]:
    return {
        "num_workers": WORKERS,
        "persistent_workers": True,
        "multiprocessing_context": "spawn",
        "worker_init_fn": one_thread,
    }
