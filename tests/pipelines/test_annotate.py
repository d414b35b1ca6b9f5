"""Films beside the answers of a trained run, on real MP4 files."""

import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from clips import SMALL, make_clip, make_clips, make_scene
from tones import read

from rnnmm.decode.segments import Found
from rnnmm.media.footage import Footage
from rnnmm.media.frame import Fit, Geometry
from rnnmm.pipelines.annotate import (
    Drawing,
    between,
    check_annotate,
    describe,
    drawn,
    make_tracks,
)
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


def test_each_answer_gets_a_film(
    run: Path, media: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    twin = make_clip(tmp_path / "0.mp4", 1, seed=5)
    inputs = f"inputs=[{media / 'test' / 'left' / '0.mp4'},{twin}]"
    out = tmp_path / "out"
    more = ["annotate=true", "overlay=true", f"run.out={out}"]
    capsys.readouterr()
    assert main(["predict", f"run.dir={run}", inputs, *more]) == 0
    rows = [json.loads(line) for line in (out / "predicted.jsonl").read_text().splitlines()]
    names = [[f"0.{kind}.mp4", f"0.2.{kind}.mp4"] for kind in ("annotated", "overlay")]
    assert [[row["annotated"] for row in rows], [row["overlay"] for row in rows]] == names
    written = [str(out / row[key]) for row in rows for key in ("annotated", "overlay")]
    assert capsys.readouterr().out.splitlines()[-5:] == [*written, str(out / "predicted.jsonl")]
    plain, lit = (pictures(out / name) for name, _ in names)
    assert len(plain) == len(lit) == 8
    assert plain[0].shape[1] == lit[0].shape[1] == 320
    assert lit[0].shape[0] > plain[0].shape[0]  # by the curve
    assert (plain[0][133:167, 213:267] > 200).all()  # the light square begins on the right
    changed = [np.abs(one[:320].astype(int) - two[:320]).max() for one, two in zip(plain, lit)]
    assert max(changed) > 60


def test_a_film_is_of_the_source(run: Path, tmp_path: Path) -> None:
    inputs = f"inputs={make_scene(tmp_path / 'scene.mp4', 240, 320)}"
    more = [f"run.out={tmp_path}", "annotate=true"]
    assert main(["predict", f"run.dir={run}", inputs, *more]) == 0
    with av.open(str(tmp_path / "scene.annotated.mp4")) as file:
        film, sound = file.streams.video[0], file.streams.audio[0]
        assert film.average_rate == 30 and film.frames == 60
        assert float(film.duration * film.time_base) == pytest.approx(2.0, abs=1 / 30)
        assert float(sound.duration * sound.time_base) == pytest.approx(2.0, abs=1 / 30)
        heard = np.concatenate([frame.to_ndarray()[0] for frame in file.decode(audio=0)])
    assert np.abs(heard[4_000:20_000]).max() == pytest.approx(9_000 / 32768, abs=0.03)
    shown = pictures(tmp_path / "scene.annotated.mp4")
    assert shown[0].shape[1] == 320 and 240 < shown[0].shape[0] < 300
    is_light = [frame[105:135, 145:175].mean() > 200 for frame in shown]
    assert is_light == [False] * 30 + [True] * 30
    assert max(frame[:235].max() for frame in shown[:30]) < 60


def test_a_film_that_cannot_be_made_costs_no_answer(
    run: Path, media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    def fail(*args: object) -> None:
        raise ValueError("broken video stream")

    monkeypatch.setattr("rnnmm.pipelines.annotate.open_footage", fail)
    inputs = f"inputs={media / 'test' / 'left' / '0.mp4'}"
    more = [f"run.out={tmp_path}", "annotate=true"]
    assert main(["predict", f"run.dir={run}", inputs, *more]) == 0
    assert read(tmp_path / "predicted.jsonl")["annotated"] is None
    assert "left/0.mp4: broken video stream" in capsys.readouterr().err


def drawing(geometry: Geometry, count: int = 20, **more: Any) -> Drawing:
    """At 10 frames per second."""
    boxes = np.tile(np.float32([0.5, 0.25, 0.25, 0.5]), (count, 1))
    boxes[:, 0] = np.linspace(0, 0.5, count)
    prediction = Prediction(0, "moves", np.nan, timeline=Timeline(10.0, boxes))
    return Drawing(prediction, ["moves"], 10.0, count, geometry, **more)


def seen(height: int, width: int) -> Footage:
    """Two seconds at 30 pictures per second, all gray."""
    frame = np.full((height, width, 3), 90, np.uint8)
    return Footage(30.0, 2.0, 0.0, ((number / 30, frame) for number in range(60)))


@pytest.mark.parametrize(
    ("fit", "left", "width"), [("stretch", 0, 640), ("crop", 140, 360), ("pad", 0, 640)]
)
def test_boxes_lie_where_and_when_the_model_saw_them(fit: Fit, left: int, width: int) -> None:
    shown = drawn(seen(360, 640), drawing(Geometry(112, 112, fit), has_boxes=True))
    for time_s, frame in shown:
        y, x = np.nonzero((frame[:360] != 90).any(axis=2))
        start = left + width * min(0.5, time_s * 10 * 0.5 / 19)
        assert (x.min(), x.max()) == pytest.approx((start, start + width / 4), abs=3)
        rows = (40, 360 - 40) if fit == "pad" else (90, 270)
        assert fit == "pad" or (y.min(), y.max()) == pytest.approx(rows, abs=3)


def test_weight_lies_where_and_when_the_model_saw_it() -> None:
    weights = np.zeros((20, 4, 4), np.float32)
    weights[10:, :, 3] = 1.0
    what = drawing(Geometry(112, 112, "crop"), has_boxes=False, weights=weights)
    frames = [frame[:360] for _, frame in drawn(seen(360, 640), what)]
    assert all((frame == 90).all() for frame in frames[:28])
    for frame in frames[30:]:
        x = np.nonzero((frame != 90).any(axis=2))[1]
        assert 320 < x.min() < 480 and x.max() == 499  # the model saw 140 to 500


def test_values_between_frames_are_mixed() -> None:
    values = np.float32([[0, 4], [1, 0], [3, 0]])
    for place, expected in (
        (0, (0, 4)),
        (0.25, (0.25, 3)),
        (1.5, (2, 0)),
        (2, (3, 0)),
        (9, (3, 0)),
    ):
        assert between(values, place) == pytest.approx(expected)


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
    assert pictures(tmp_path / "out" / "0.overlay.mp4")[0].shape[1] == 320


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
