"""Films beside the answers of a trained run, on real MP4 files."""

import json
from pathlib import Path

import av
import numpy as np
import pytest
from clips import SMALL, make_clip, make_clips
from PIL import Image
from tones import read

from rnnmm.decode.segments import Found
from rnnmm.media.decode import Decoding
from rnnmm.pipelines.annotate import check_annotate, describe, make_tracks, shown_frames
from rnnmm.pipelines.cli import main
from rnnmm.store.reader import open_store
from rnnmm.tasks.task import Prediction, Timeline


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clips(tmp_path_factory.mktemp("media"), {"train": 3, "val": 1, "test": 1})


def words(media: Path, work: Path, *more: str) -> list[str]:
    return [
        "experiment=folder_action", f"dataset.root={media}", "dataset.split=folders",
        f"store.root={work / 'stores'}", f"run.dir={work / 'run'}", "trainer.max_epochs=1",
        "model.encoder.frame_encoder.channels=[4,8]", "model.encoder.frame_dim=8",
        "model.encoder.hidden_dim=8", "preprocess.decoding.frame_rate=10", *SMALL, *more,
    ]  # fmt: skip


@pytest.fixture(scope="module")
def run(media: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained on sampled, mixed clips."""
    work = tmp_path_factory.mktemp("work")
    sampled = ["features=pixels_segments", "augment=segments", "task.target.mixup=0.2"]
    assert main(["run", *words(media, work, *sampled)]) == 0
    return work / "run"


def pictures(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as file:
        return [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]


def test_each_answer_gets_a_film(run: Path, media: Path, tmp_path: Path) -> None:
    twin = make_clip(tmp_path / "0.mp4", 1, seed=5)
    inputs = f"inputs=[{media / 'test' / 'left' / '0.mp4'},{twin}]"
    for flag in ("annotate", "overlay"):
        out = tmp_path / flag
        assert main(["predict", f"run.dir={run}", inputs, f"{flag}=true", f"run.out={out}"]) == 0
        rows = [json.loads(line) for line in (out / "predicted.jsonl").read_text().splitlines()]
        assert [row["annotated"] for row in rows] == ["0.annotated.mp4", "0.2.annotated.mp4"]
    plain, lit = (
        pictures(tmp_path / flag / "0.annotated.mp4") for flag in ("annotate", "overlay")
    )
    assert len(plain) == len(lit) == 8
    assert plain[0].shape[1] == lit[0].shape[1] == 480
    assert lit[0].shape[0] > plain[0].shape[0]  # by the curve
    assert (plain[0][200:250, 320:400] > 200).all()  # the light square begins on the right
    changed = [np.abs(one[:480].astype(int) - two[:480]).max() for one, two in zip(plain, lit)]
    assert max(changed) > 60


@pytest.mark.parametrize("rate", [10.0, 7.5])
def test_a_long_video_is_read_in_parts_and_no_frame_is_lost(
    media: Path, monkeypatch: pytest.MonkeyPatch, rate: float
) -> None:
    path, decoding = media / "test" / "right" / "0.mp4", Decoding(frame_rate=rate, height=32)
    count = round(0.8 * rate)
    whole = list(shown_frames(path, decoding, count))
    monkeypatch.setattr("rnnmm.pipelines.annotate._AT_A_TIME", 3)
    parts = list(shown_frames(path, decoding, count))
    assert len(whole) == count
    assert whole[0].shape == (138, 480, 3)  # as wide for its height as 112 for 32, and even
    assert all(np.array_equal(one, two) for one, two in zip(whole, parts, strict=True))


def test_a_photo_is_shown_for_a_while(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    Image.fromarray(np.full((20, 20, 3), 90, np.uint8)).save(path)
    frames = list(shown_frames(path, Decoding(frame_rate=5.0), 1))
    assert len(frames) == 15
    assert (frames[-1] == 90).all()


def test_several_clips_and_crops_are_an_evaluation_of_their_own(run: Path) -> None:
    more = ["task.target.num_clips=2", "task.target.clip_steps=6", "task.target.num_crops=3"]
    before = (run / "metrics.json").read_bytes()
    assert main(["evaluate", f"run.dir={run}", *more]) == 0
    assert (run / "metrics.json").read_bytes() == before
    figures = read(run / "search" / "test" / "metrics.json")
    assert figures["num_items"] == 2
    assert sum(one["items"] for one in figures["counts"]["per_class"].values()) == 2


@pytest.mark.parametrize(
    ("config", "inputs", "message"),
    [
        ({"overlay": False}, "audio", "annotate: expected a run that reads pictures, got one of"),
        ({"overlay": False, "embed": None}, "features", "annotate: expected a run that reads pic"),
        ({"overlay": True, "embed": {}}, "audio+frames", "overlay: expected a run that reads fra"),
    ],
)
def test_what_cannot_be_drawn_is_refused(config: dict, inputs: str, message: str) -> None:
    task = type("Named", (), {"name": "asr", "inputs": inputs})()
    with pytest.raises(ValueError, match=message):
        check_annotate(config, task)


def test_flow_is_cached_once_and_found_again_for_new_videos(
    media: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["embed=flow", "features=flow", "augment=flow"]
    assert main(["run", *words(media, tmp_path, *more)]) == 0
    (path,) = (tmp_path / "stores").glob("folder-features-*")
    store = open_store(path)
    assert len(store) == 10
    assert store.frames(0).shape == (8, 32, 32, 3)
    assert (store.frames(0)[0, ..., :2] == 128).all() and (store.frames(0)[1:] != 128).any()
    run = tmp_path / "run"
    known = media / "test" / "left" / "0.mp4"
    overlay = [f"inputs={known}", "overlay=true", f"run.out={tmp_path / 'out'}"]
    assert main(["predict", f"run.dir={run}", *overlay]) == 0
    (answer,) = (tmp_path / "out" / "predicted.jsonl").read_text().splitlines()
    lines = map(json.loads, (run / "predictions.jsonl").read_text().splitlines())
    same = next(row for row in lines if row["path"] == "test/left/0.mp4")
    assert json.loads(answer)["score"] == pytest.approx(same["score"], abs=1e-5)
    assert pictures(tmp_path / "out" / "0.annotated.mp4")[0].shape[1] == 480


def test_a_timeline_has_a_track_for_each_label() -> None:
    segments = (Found(0.0, 1.0, "sit", 0.5), Found(3.0, 4.0, "sit", 0.75), Found(1, 2, "eat", 0.9))
    timeline = Timeline(10.0, np.zeros((40, 2), np.float32), segments)
    prediction = Prediction(0, "0-1 sit", -0.1, timeline=timeline)
    weights = np.stack([np.full((2, 2), v, np.float32) for v in (0.0, 0.5, 0.25)])
    eat, sit, moved = make_tracks(prediction, 4.0, weights)
    assert (eat.name, eat.spans) == ("eat 0.90", [(0.25, 0.5)])
    assert (sit.name, sit.spans) == ("sit 0.75", [(0.0, 0.25), (0.75, 1.0)])
    assert moved.values == [0.0, 1.0, 0.5]
    assert make_tracks(Prediction(0, "run", -0.1), 4.0, None) == []
    task = type("Named", (), {"name": "tagging"})()
    assert describe(task, prediction) == ["tagging: 3 segments"]
    assert describe(task, Prediction(0, "run", np.log(0.25), ("run", "hop"))) == ["run 0.25"]
    assert describe(task, Prediction(0, "a red dog", -3.0)) == ["a red dog"]
