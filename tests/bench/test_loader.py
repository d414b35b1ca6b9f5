from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rnnmm.bench import loader, loader_step
from rnnmm.bench import loader_peers as peers
from rnnmm.bench.loader_media import Corpus, make_flac, make_mp3, make_mp4, write_tars

CPU = torch.device("cpu")

# librosa.load imports audioread, which imports what Python 3.13 has not.
pytestmark = pytest.mark.filterwarnings("ignore:.*slated for removal:DeprecationWarning")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("media")


@pytest.fixture(scope="module")
def flac(folder: Path) -> Corpus:
    return make_flac(folder, 3)


@pytest.fixture(autouse=True)
def once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One call a contestant, no worker processes."""
    real = loader.interleaved

    def few(contestants: Any, **_: int) -> list[float]:
        return real(contestants, repeats=1, warm_up=0)

    monkeypatch.setattr(loader, "interleaved", few)
    monkeypatch.setattr(loader_step, "interleaved", few)
    monkeypatch.setattr(peers, "_workers", lambda: {"num_workers": 0})


def test_gather_is_held_against_memcpy(flac: Corpus) -> None:
    rows = loader.gathering(flac.store)
    assert [(row.id, row.goal, row.against) for row in rows] == [
        ("P1", 0.6, "memcpy"),
        ("P1", 0.6, "memcpy, 2 threads"),
    ]
    assert all(row.ratio > 0 for row in rows)


def test_every_loader_has_its_row_and_a_missing_one_is_named(
    flac: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent = {"lhotse": "lhotse (not installed)", "webdataset": "webdataset (not installed)"}
    monkeypatch.setattr(loader, "unavailable", lambda *modules: absent.get(modules[0]))
    rows = loader.from_flac(flac, tmp_path / "tars", CPU)
    assert [row.against for row in rows] == [
        "DataLoader, 2 workers, librosa, from FLAC",
        "lhotse (not installed)",
        "webdataset (not installed)",
    ]
    assert [row.goal for row in rows] == [5.0, None, None]
    assert {(row.id, row.unit) for row in rows} == {("P2", "x real time, 3 clips")}


@pytest.mark.slow
def test_mp3_and_mp4_have_ten_to_reach(folder: Path) -> None:
    rows = loader.from_mp3(make_mp3(folder, 2), CPU) + loader.from_mp4(make_mp4(folder, 2), CPU)
    assert [(row.id, row.goal) for row in rows] == [("P2", 10.0), ("P2", 10.0)]
    assert [row.unit for row in rows] == ["x real time, 2 clips", "frames/s, 2 clips"]


def test_the_fed_step_is_held_against_the_cached_one(
    flac: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader_step, "_HIDDEN", 4)
    monkeypatch.setattr(loader_step, "_BATCH", 2)
    row = loader_step.fed_against_cached(flac.store, CPU)
    assert (row.id, row.unit, row.goal) == ("P9", "s", pytest.approx(1 / 1.05))


def test_the_others_give_what_ours_gives(flac: Corpus, folder: Path) -> None:
    ours = flac.store.audio(1).copy()
    (theirs, lengths), *_ = peers.plain(peers.MfccFiles(flac.paths[1:2]), 1)
    assert theirs.shape == (1, 1 + len(ours) // peers.HOP, peers.NUM_MFCC)
    assert lengths.tolist() == [theirs.shape[1]]
    assert peers.TorchMfcc()((ours,)).shape == theirs.shape[1:]


def test_video_peers_give_the_frames_of_the_store(tmp_path: Path) -> None:
    corpus = make_mp4(tmp_path, 1)
    theirs = peers.read_video(str(corpus.paths[0]))
    assert theirs.shape == corpus.store.frames(0).shape
    difference = np.abs(theirs.astype(int) - corpus.store.frames(0)).mean()
    assert difference < 4  # resized in another order


def test_tars_hold_every_clip_once(flac: Corpus, tmp_path: Path) -> None:
    import tarfile

    names = []
    for path in write_tars(flac, tmp_path / "tars"):
        with tarfile.open(path) as tar:
            names += tar.getnames()
    assert sorted(names) == ["000000.npy", "000001.npy", "000002.npy"]
