"""From a folder of MP4 files to cached features, a trained head and answers: by config alone."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from clips import CLASSES, SMALL, make_clip, make_clips
from tones import read

from rnnmm.pipelines.cli import main
from rnnmm.store.reader import open_store

NAME = "shufflenet_v2_x0_5"


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clips(tmp_path_factory.mktemp("media"), {"train": 4, "val": 1, "test": 2})


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(3)
    path = tmp_path_factory.mktemp("weights") / "net.pth"
    torch.save(torchvision.models.get_model(NAME, weights=None).state_dict(), path)
    return path


def words(media: Path, work: Path, weights: object, *more: str) -> list[str]:
    return [
        "experiment=folder_action_cached", f"dataset.root={media}", "dataset.split=folders",
        f"store.root={work / 'stores'}", f"run.dir={work / 'run'}",
        f"embed.frame_encoder.name={NAME}", f"embed.frame_encoder.weights={weights}",
        "model.encoder.hidden_dim=8", "model.encoder.projection_dim=8", "trainer.max_epochs=2",
        *SMALL, *more,
    ]  # fmt: skip


@pytest.fixture(scope="module")
def run(media: Path, weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained run on cached features."""
    work = tmp_path_factory.mktemp("work")
    assert main(["preprocess", *words(media, work, weights)]) == 0
    assert main(["run", *words(media, work, weights)]) == 0
    return work / "run"


def features_of(work: Path) -> Path:
    (path,) = (work / "stores").glob("folder-features-*")
    return path


def test_features_are_made_once_and_shared(run: Path, media: Path) -> None:
    store = open_store(features_of(run.parent))
    assert len(store) == 14
    assert store.features(0).shape == (8, 1024)
    assert read(run / "metrics.json")["fingerprints"]["store"] == store.fingerprint
    assert read(run / "run.json")["embedder"] == store.info["embedder"]


def test_a_new_video_gets_the_answer_of_the_same_features(
    run: Path, media: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = media / "test" / "left" / "0.mp4"
    fresh = make_clip(tmp_path / "new.mp4", 1, seed=77)
    (tmp_path / "broken.mp4").write_text("<html>not found</html>")
    inputs = f"inputs=[{known},{fresh},{tmp_path / 'broken.mp4'}]"
    assert main(["predict", f"run.dir={run}", inputs, f"run.out={tmp_path}"]) == 1
    said = capsys.readouterr().out
    assert "broken.mp4: not a media file" in said
    answers = read_lines((tmp_path / "predicted.jsonl").read_text().splitlines())
    assert ["fault" in row for row in answers] == [False, False, True]
    assert answers[1]["hypothesis"] in CLASSES
    measured = read_lines((run / "predictions.jsonl").read_text().splitlines())
    same = next(row for row in measured if row["path"] == "test/left/0.mp4")
    assert answers[0]["score"] == pytest.approx(same["score"], abs=1e-5)


def read_lines(lines: list[str]) -> list[dict]:
    return [json.loads(line) for line in lines]


def test_other_weights_at_predict_are_refused(
    run: Path, media: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = media / "test" / "left" / "0.mp4"
    other = [f"run.dir={run}", "embed.frame_encoder.weights=none", f"inputs=[{clip}]"]
    assert main(["predict", *other, f"run.out={tmp_path}"]) == 1
    assert "got one of other weights" in capsys.readouterr().err
    gone = [f"run.dir={run}", f"embed.frame_encoder.weights={tmp_path / 'gone.pth'}"]
    assert main(["predict", *gone, f"inputs=[{clip}]", f"run.out={tmp_path}"]) == 1
    assert "gone.pth: no such file" in capsys.readouterr().err


def test_features_do_not_depend_on_the_batch_or_the_other_items(
    run: Path, media: Path, weights: Path, tmp_path: Path
) -> None:
    fewer = tmp_path / "fewer"
    for split in ("train", "test"):
        folder = fewer / split / "left"
        folder.mkdir(parents=True)
        (folder / "0.mp4").write_bytes((media / split / "left" / "0.mp4").read_bytes())
    assert main(["preprocess", *words(fewer, tmp_path, weights, "loader.batch_size=1")]) == 0
    one, other = (open_store(features_of(work)) for work in (tmp_path, run.parent))
    for row, path in enumerate(one.column("path")):
        match = other.column("path").index(path)
        np.testing.assert_array_equal(one.features(row), other.features(match))
