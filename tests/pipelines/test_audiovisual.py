"""Sound and pictures through every verb, on clips of which some lack the one or the other."""

import csv
import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from tones import read

from rnnmm.pipelines.cli import main

RATE = 16_000
PITCHES_HZ = {"high": 900, "low": 200}
SMALL = [
    "preprocess.decoding.height=24", "preprocess.decoding.width=24", "loader.batch_size=4",
    "trainer.accelerator=cpu", "trainer.max_epochs=1", "features=mel_and_pixels",
    "augment=drop_modality", "task.inputs=audio+frames", "model.encoder.sound.hidden_dim=8",
    "model.encoder.sound.channels=[4,4]", "model.encoder.pictures.hidden_dim=8",
    "model.encoder.pictures.frame_encoder.channels=[4,8]",
    "model.encoder.pictures.frame_dim=8",
]  # fmt: skip
KINDS = ("both.mp4", "mute.mp4", "blind.wav", "silent.mp4")


def sound_of(name: str, rng: np.random.Generator) -> np.ndarray:
    wave = 9000 * np.sin(2 * np.pi * PITCHES_HZ[name] * np.arange(RATE // 2) / RATE)
    return (wave + rng.normal(0, 100, len(wave))).astype(np.int16)


def make_clip(path: Path, level: int, sound: np.ndarray | None, rng: np.random.Generator) -> None:
    """Half a second of pictures at 10 a second and, unless None, of sound."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=10)
        video.height = video.width = 32
        track = None if sound is None else container.add_stream("aac", rate=RATE, layout="mono")
        for _ in range(5):
            picture = np.clip(rng.normal(level, 5, (32, 32, 3)), 0, 255).astype(np.uint8)
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(video.encode())
        if track is not None:
            frame = av.AudioFrame.from_ndarray(sound[None], format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
            container.mux(track.encode(frame))
            container.mux(track.encode())


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both classes of clips in every split, each as every kind."""
    root, rng = tmp_path_factory.mktemp("talkies"), np.random.default_rng(0)
    with (root / "clips.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "split", "label", "text", "caption"])
        for split in ("train", "val", "test"):
            for name, level in (("high", 200), ("low", 60)):
                for kind in KINDS:
                    path, sound = root / f"{split}_{name}_{kind}", sound_of(name, rng)
                    if kind.endswith("wav"):
                        soundfile.write(path, sound, RATE)
                    else:
                        track = {"mute": None, "silent": np.zeros_like(sound)}
                        make_clip(path, level, track.get(path.stem.split("_")[-1], sound), rng)
                    caption = f"a {name} tone"
                    table.writerow([path.name, split, name, name[:2], caption])
    return root / "clips.csv"


def words(table: Path, work: Path) -> list[str]:
    return [
        "dataset=manifest", f"dataset.path={table}", f"store.root={table.parent / 'stores'}",
        f"run.dir={work / 'run'}", *SMALL,
    ]  # fmt: skip


@pytest.fixture(scope="module")
def run(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained classifier, to be read and not to be changed."""
    work = tmp_path_factory.mktemp("work")
    action = ["model=av_late_classifier", "task=action"]
    assert main(["run", *words(table, work), *action]) == 0
    return work / "run"


def answers(path: Path) -> dict[str, tuple[str, float]]:
    rows = map(json.loads, path.read_text().splitlines())
    answered = [row for row in rows if "fault" not in row]
    return {Path(row["path"]).name: (row["hypothesis"], row["score"]) for row in answered}


def test_clips_that_lack_a_modality_are_trained_on_and_measured(run: Path) -> None:
    metrics = read(run / "metrics.json")
    assert (metrics["num_items"], metrics["counts"]["unusable"]) == (8, 0)
    assert {name.split("_")[-1] for name in answers(run / "predictions.jsonl")} == set(KINDS)
    assert "audio_s_per_s" in metrics["throughput"]


@pytest.mark.parametrize("kind", ["mute.mp4", "blind.wav"])
def test_a_file_is_answered_alone_as_in_a_batch(
    run: Path, table: Path, tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file, page = table.parent / f"test_low_{kind}", tmp_path / "page.mp4"
    page.write_text("<html>")
    given = [f"run.dir={run}", f"inputs=[{file},{page}]", f"run.out={tmp_path}"]
    assert main(["predict", *given]) == 1
    assert "page.mp4: not a media file" in capsys.readouterr().out
    (alone,) = answers(tmp_path / "predicted.jsonl").values()
    hypothesis, score = answers(run / "predictions.jsonl")[file.name]
    assert alone == (hypothesis, pytest.approx(score, abs=1e-5))


@pytest.mark.parametrize(
    ("task", "model", "metric"),
    [
        ("asr", "av_gated_ctc", "wer"),
        ("caption", "av_late_captioner", "cider_d"),
    ],
)
def test_speech_and_captions_use_the_same_encoder(
    task: str, model: str, metric: str, table: Path, tmp_path: Path
) -> None:
    given = words(table, tmp_path)
    if task == "asr":  # of features instead of pixels
        given = [word for word in given if "hidden_dim" not in word and ".frame_" not in word]
        given = [word for word in given if "channels" not in word and "features=" not in word]
        given += [
            "features=mfcc_and_lips", "features.pictures.stages.0.height=16",
            "features.pictures.stages.0.width=16",
        ]  # fmt: skip
    assert main(["run", *given, f"model={model}", f"task={task}"]) == 0
    metrics = read(tmp_path / "run" / "metrics.json")
    assert (metrics["num_items"], metrics["counts"]["unusable"]) == (8, 0)
    assert metrics["metrics"].keys() >= {metric}


def test_noise_is_measured_beside_the_clean_figures(run: Path) -> None:
    clean = (run / "metrics.json").read_bytes()
    arguments = [f"run.dir={run}", "degrade=white", "degrade.snr_db=-20"]
    assert main(["evaluate", *arguments]) == 0
    assert (run / "metrics.json").read_bytes() == clean
    noisy = read(run / "degraded" / "white_-20db" / "metrics.json")
    assert noisy["dataset"] == "manifest with white noise at -20 dB"
    assert noisy["fingerprints"]["store"] != noisy["fingerprints"]["trained_on"]
    before = answers(run / "predictions.jsonl")
    after = answers(run / "degraded" / "white_-20db" / "predictions.jsonl")
    heard = {name: before[name] != after[name] for name in before}
    assert all(heard[name] == name.endswith(("both.mp4", "blind.wav")) for name in heard)
