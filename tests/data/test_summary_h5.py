import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from rnnmm.data import summary_h5
from rnnmm.data.summary_h5 import prepare
from rnnmm.manifest import check_manifest
from rnnmm.text.summaries import read_opinions

NAME = "eccv16_dataset_tvsum_google_pool5.h5"


def video(seed: int = 0) -> dict[str, np.ndarray]:
    """70 frames in three shots, a vector every 15 frames, two people."""
    users = np.zeros((2, 70), np.float32)
    users[0, :20] = users[1, 20:31] = users[1, 61:] = 1
    return {
        "features": np.random.default_rng(seed).random((5, 8), np.float32),
        "gtscore": np.array([0.4, 0.4, 0.12345, 0.0, 1.0], np.float32),
        "user_summary": users,
        "change_points": np.array([[0, 19], [20, 60], [61, 69]]),
        "n_frame_per_seg": np.array([20, 41, 9]),
        "n_frames": np.array(70),
        "picks": np.arange(0, 70, 15),
        "n_steps": np.array(5),
        "video_name": np.array(b"a film"),
    }


class File(dict):
    """What a file of h5py looks like to its reader."""

    def __enter__(self) -> "File":
        return self

    def __exit__(self, *_: object) -> None:
        return None


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / NAME).touch()
    held = File({f"video_{n}": video(n) for n in (1, 2, 3, 10)})
    monkeypatch.setitem(sys.modules, "h5py", SimpleNamespace(File=lambda path, mode: held))
    monkeypatch.setattr(File, "opened", held, raising=False)
    return tmp_path


def test_a_video_has_its_vectors_and_what_people_said(root: Path) -> None:
    manifest = prepare(str(root))
    check_manifest(manifest)
    assert manifest.name == "tvsum"
    assert [item.id for item in manifest.items] == ["video_1", "video_2", "video_3", "video_10"]
    assert sorted(item.split for item in manifest.items) == ["test", "train", "train", "val"]
    first = manifest.items[0]
    np.testing.assert_array_equal(np.load(root / first.path), video(1)["features"])
    opinions = read_opinions(first.segments or ())
    assert opinions.users["1"] == [(0.0, 20 / 30)]
    assert opinions.users["2"] == [(20 / 30, 31 / 30), (61 / 30, 70 / 30)]
    assert opinions.shots == [(0.0, 20 / 30), (20 / 30, 61 / 30), (61 / 30, 70 / 30)]
    assert opinions.importance == [
        (0.0, 1.0, 0.4), (1.0, 1.5, 0.123), (1.5, 2.0, 0.0), (2.0, 70 / 30, 1.0)
    ]  # fmt: skip
    assert "videos: 4 found, 50 in the published release" in manifest.findings


def test_the_vectors_are_copied_once(root: Path) -> None:
    before = [(root / item.path).stat().st_mtime_ns for item in prepare(str(root)).items]
    assert [(root / item.path).stat().st_mtime_ns for item in prepare(str(root)).items] == before
    place = root / prepare(str(root)).items[0].path
    place.write_bytes(b"torn")
    prepare(str(root))
    np.testing.assert_array_equal(np.load(place), video(1)["features"])
    assert {path.suffix for path in place.parent.iterdir()} == {".npy"}


def test_scores_above_one_are_scaled_and_the_rate_is_an_option(root: Path) -> None:
    File.opened["video_1"]["gtscore"] = np.array([5.0, 2.5, 2.5, 0.0, 1.0])
    opinions = read_opinions(prepare(str(root), frame_rate=15.0).items[0].segments or ())
    assert opinions.importance[:2] == [(0.0, 1.0, 1.0), (1.0, 3.0, 0.5)]


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("picks", None, "expected the keys features, .* got no picks"),
        ("gtscore", np.zeros(4), r"video_1: expected gtscore of shape \(5,\), got \(4,\)"),
        ("user_summary", np.zeros((2, 71)), r"user_summary of shape \(-1, 70\), got \(2, 71\)"),
        ("change_points", np.array([[0, 19], [21, 69]]), "cut 70 frames into shots of"),
        ("n_frame_per_seg", np.array([20, 40, 10]), "cut 70 frames into shots of"),
    ],
)
def test_what_does_not_fit_is_told(root: Path, key: str, value: object, reason: str) -> None:
    held = File.opened["video_1"]
    if value is None:
        del held[key]
    else:
        held[key] = value
    with pytest.raises(ValueError, match=reason):
        prepare(str(root))


def test_no_file_and_no_h5py(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"expected a file at .*summe.*, got nothing; set"):
        prepare(str(tmp_path), corpus="summe")
    (tmp_path / NAME).touch()

    def absent(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(summary_h5, "import_module", absent)
    with pytest.raises(ValueError, match=r"expected the package h5py, .* pip install h5py"):
        prepare(str(tmp_path))
