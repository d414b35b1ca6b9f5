"""From videos that people have shortened to the storyboard of a new one: by config alone."""

import json
from pathlib import Path

import av
import numpy as np
import pytest
from tones import read

from rnnmm.pipelines.cli import main

RATE, SCENE_S = 4, 2
SCENES = ("dull", "dull", "bright", "dull", "dull", "bright", "dull")


def make_film(path: Path, order: int) -> list[tuple[float, float]]:
    """Seven scenes of two seconds, of which people like the bright ones; when these are."""
    rng, liked = np.random.default_rng(order), []
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mpeg4", rate=RATE)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        for number in range(len(SCENES)):
            is_bright = SCENES[(number + order) % len(SCENES)] == "bright"
            wall = rng.integers(0, 60, (32, 32, 3)) + (190 if is_bright else 0)
            if is_bright:
                liked.append((float(number * SCENE_S), float((number + 1) * SCENE_S)))
            for _ in range(RATE * SCENE_S):
                noisy = wall + rng.integers(0, 6, wall.shape)
                frame = av.VideoFrame.from_ndarray(noisy.astype(np.uint8), format="rgb24")
                file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return liked


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    media, work = tmp_path_factory.mktemp("films"), tmp_path_factory.mktemp("work")
    rows = []
    for number, split in enumerate(["train"] * 5 + ["val"] * 2 + ["test"]):
        liked = make_film(media / f"{number}.mp4", number)
        said = [[*one, f"chosen by {name}"] for name in ("ann", "bob") for one in liked]
        rows.append({"path": f"{number}.mp4", "split": split, "segments": said})
    (media / "list.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    assert main([
        "run", "experiment=manifest_summary", f"dataset.path={media / 'list.jsonl'}",
        f"store.root={work / 'stores'}", f"run.dir={work / 'run'}",
        "preprocess.decoding.height=32", "preprocess.decoding.width=32",
        "embed.frame_encoder.weights=none", "loader.batch_size=1",
        "model.encoder.hidden_dim=16", "model.encoder.projection_dim=16", "trainer.max_epochs=6",
        "task.target.share=0.3", "optim.learning_rate=1e-2", "trainer.accelerator=cpu",
    ]) == 0  # fmt: skip
    return work / "run"


def test_it_beats_chance_and_says_how_far_people_agree(run: Path) -> None:
    figures = read(run / "metrics.json")
    assert figures["task"] == "summarise"
    assert figures["metrics"].keys() == figures["floors"].keys() == {
        "f1", "kendall_tau", "spearman_rho"
    }  # fmt: skip
    assert figures["metrics"]["f1"] > figures["floors"]["f1"]
    assert figures["counts"]["human"]["f1"] == 1.0


def test_a_new_video_gets_a_storyboard(run: Path, tmp_path: Path) -> None:
    liked = make_film(tmp_path / "new.mp4", 3)
    film = f"inputs=[{tmp_path / 'new.mp4'}]"
    assert main(["predict", f"run.dir={run}", film, f"run.out={tmp_path}"]) == 0
    (line,) = (tmp_path / "predicted.jsonl").read_text().splitlines()
    answer = json.loads(line)
    assert [(one["start_s"], one["end_s"]) for one in answer["shots"]] == liked
    assert len(answer["importance"]) == 28 and answer["frame_rate"] == 2.0
