from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from rnnmm.bench import decode, decode_peers
from rnnmm.bench.decode_peers import chosen_indices, clip_by_pyav, unusable
from rnnmm.bench.recording import write_mp4
from rnnmm.media.decode import Decoding
from rnnmm.media.decode import decode as decode_file


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    write_mp4(path, 30, 80, 60, gop=12)
    return path


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(decode, "SIZES", {"60p": (80, 60)})
    monkeypatch.setattr(decode, "NUM_PICTURES", 30)
    monkeypatch.setattr(decode, "NUM_FILMS", 2)
    monkeypatch.setattr(decode, "FRAME_PX", 64)
    monkeypatch.setattr(decode, "_NUM_CLIPS", 3)
    monkeypatch.setattr(decode, "_ROUNDS", 1)
    yield


@pytest.mark.usefixtures("small")
def test_every_goal_has_its_row() -> None:
    rows = decode.measure(torch.device("cpu"))
    goals = [(row.id, row.against, row.goal) for row in rows if row.goal is not None]
    of_p4 = [("P4", "libavcodec, nothing converted", 0.85), ("P4", "OpenCV", 1.2)]
    of_p5 = [("P5", "n/(n + G/2) of libavcodec", 0.8), ("P5", "memcpy of the same", 0.8)]
    assert goals == of_p4 * 2 + of_p5
    assert {"PyAV + swscale", "PyAV, sought in a 240p MP4"} <= {row.against for row in rows}
    assert rows[-1].unit == "dB" and rows[-1].ours is not None and 25 < rows[-1].ours < 60
    assert all(row.ratio is None or row.ratio > 0 for row in rows)


@pytest.mark.parametrize("rate", [10.0, 25.0])
@pytest.mark.parametrize("peer", [decode_peers.by_opencv, decode_peers.by_swscale])
def test_all_contestants_do_the_same_work(
    film: Path, rate: float, peer: decode_peers.Peer
) -> None:
    wanted = Decoding(frame_rate=rate, height=24, width=24)
    ours = decode_file(film, wanted).frames
    theirs = peer(film, chosen_indices(30, 25.0, rate), 24)
    assert ours is not None and ours.shape == theirs.shape == (30 * rate / 25, 24, 24, 3)
    errors = np.abs(ours.astype(int) - theirs).mean(axis=(1, 2, 3))
    others = np.abs(ours.astype(int) - np.roll(theirs, 1, axis=0)).mean(axis=(1, 2, 3))
    assert errors.max() < 12 and (errors < others).all()


def test_a_sought_clip_is_a_part_of_the_film(film: Path) -> None:
    whole = decode_peers.by_swscale(film, chosen_indices(30, 25.0, 25.0), 24)
    for start in (0, 11, 12, 20):
        np.testing.assert_array_equal(clip_by_pyav(film, start / 25, 5, 24), whole[start:][:5])


def test_a_peer_that_fails_at_its_first_use_is_named() -> None:
    def broken() -> None:
        raise OSError("libavutil.so.57: cannot open shared object file")

    assert unusable("json", broken) == "json (broken here)"
    assert unusable("json", lambda: None) is None
    assert unusable("no_such_module_at_all", broken) == "no_such_module_at_all (not installed)"
