"""From made clips to a tracker, and to a box in each frame of a new clip: by config alone."""

import json
from pathlib import Path

import av
import pytest
from tones import read

from rnnmm.pipelines.cli import main
from rnnmm.result import to_json

SMALL = [
    "dataset.num_clips=14", "model.window_px=24", "model.grid=3", "model.hidden_dim=16",
    "model.frame_dim=16", "model.frame_encoder.channels=[4,8]", "trainer.max_epochs=1",
    "trainer.accelerator=cpu", "preprocess.decoding.height=48", "preprocess.decoding.width=48",
]  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("work")
    assert main([
        "run", "experiment=chase_track", f"dataset.root={work / 'media'}",
        f"store.root={work / 'stores'}", f"run.dir={work / 'run'}", *SMALL,
    ]) == 0  # fmt: skip
    return work / "run"


def clip_of(run: Path) -> Path:
    return next((run.parent / "media").glob("chase*/00000.mp4"))


def test_figures_stand_beside_the_first_box_kept_for_ever(run: Path) -> None:
    figures = read(run / "metrics.json")
    assert figures["task"] == "track" and figures["num_items"] == 2
    assert figures["metrics"].keys() == figures["floors"].keys() == {
        "mean_iou", "success_auc", "precision_20px"
    }  # fmt: skip
    assert 0 < figures["floors"]["mean_iou"] < 1


def test_a_clip_gets_a_box_a_frame(run: Path, tmp_path: Path) -> None:
    answers = [json.loads(line) for line in (run / "predictions.jsonl").read_text().splitlines()]
    known = next(one for one in answers if one["path"] == "00000.mp4")
    assert len(known["boxes"]) == 30 and known["score"] is None
    box = f"task.target.box={to_json(known['boxes'][0])}".replace(" ", "")
    words = [f"run.dir={run}", f"inputs=[{clip_of(run)}]", f"run.out={tmp_path}", box]
    assert main(["predict", *words, "annotate=true"]) == 0
    (line,) = (tmp_path / "predicted.jsonl").read_text().splitlines()
    assert json.loads(line)["frame_rate"] == 10.0
    for one, other in zip(json.loads(line)["boxes"], known["boxes"], strict=True):
        assert one == pytest.approx(other, abs=1e-3)
    with av.open(str(tmp_path / "00000.annotated.mp4")) as file:
        frames = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
    assert len(frames) == 30
    edges = [
        frame[round(320 * (top + height / 2)), round(320 * left) - 3 :][:7]
        for frame, (left, top, _, height) in zip(frames, known["boxes"])
        if left > 0.02 and 0.02 < top + height / 2 < 0.98
    ]
    assert edges and all(edge.min(axis=1).max() > 150 for edge in edges)  # of the white box


def test_without_a_box_it_is_asked_for(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [f"run.dir={run}", f"inputs=[{clip_of(run)}]", f"run.out={tmp_path}"]
    assert main(["predict", *words]) == 1
    assert "give task.target.box=[LEFT,TOP,WIDTH,HEIGHT]" in capsys.readouterr().err
