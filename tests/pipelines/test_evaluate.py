import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pytest
import soundfile
from tones import PITCHES_HZ, SMALL, make_tree, read, tone

from rnnmm.configfile import dump_config
from rnnmm.pipelines.cli import main
from rnnmm.pipelines.evaluate import degraded, results_dir
from rnnmm.run import read_config

OWN = {"root": "/media/birds", "split": "seeded"}


@pytest.mark.parametrize(
    ("dataset", "split", "out", "place"),
    [
        (OWN, "val", None, "/run"),
        (OWN, "test", None, "/run/test"),
        (OWN, "all", None, "/run/all"),
        ({**OWN, "root": "/more/owls"}, "val", None, "/run/other/owls_val"),
        ({"path": "/more/list.csv", "root": None}, "all", None, "/run/other/list.csv_all"),
        ({**OWN, "root": "/more/owls"}, "val", "/out", "/out"),
        (OWN, "val", "/out", "/out"),
    ],
)
def test_figures_of_other_splits_and_files_have_a_place_of_their_own(
    dataset: dict[str, str], split: str, out: str | None, place: str
) -> None:
    config = {"dataset": dataset, "split": split, "run": {"dir": "/run", "out": out}}
    assert results_dir(config, {"dataset": OWN, "split": "val"}) == Path(place)


def test_another_search_does_not_touch_the_figures_of_the_run() -> None:
    config = {"dataset": OWN, "split": "val", "run": {"dir": "/run", "out": None}}
    trained = {"dataset": OWN, "split": "val", "model": {"search": {"weight": 1.0}}}
    assert results_dir({**config, "model": {"search": None}}, trained) == Path("/run/search/val")


def test_noise_does_not_touch_the_figures_of_the_run() -> None:
    config = {"dataset": OWN, "split": "val", "run": {"dir": "/run", "out": None}}
    noise = {"_target_": "rnnmm.store.noise.SoundNoise", "kind": "babble", "snr_db": -5.0}
    for split, place in (("val", "/run"), ("test", "/run/test")):
        trained = {"dataset": OWN, "split": "val"}
        found = results_dir({**config, "split": split, "degrade": noise}, trained)
        assert found == Path(place, "degraded", "babble_-5db")


def test_noise_on_what_is_not_heard_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    class Items(SimpleNamespace):
        info: ClassVar = {"name": "clips", "digest": "d"}

    noise = {"_target_": "rnnmm.store.noise.SoundNoise", "kind": "white", "snr_db": 0.0}
    for inputs, is_warned in (("audio", 0), ("audio+frames", 0), ("frames", 1)):
        caplog.clear()
        config = {"task": {"inputs": inputs}, "degrade": noise}
        store = degraded(config, Items(path=None, index=None))
        assert store.info["name"] == "clips with white noise at 0 dB"
        assert ("changes nothing for a task that reads" in caplog.text) == is_warned
    items = Items()
    assert degraded({"degrade": None}, items) is items


def test_another_split_does_not_touch_the_figures_of_the_run(run: Path) -> None:
    before = {path: path.read_bytes() for path in run.iterdir() if path.is_file()}
    assert main(["evaluate", f"run.dir={run}", "split=val"]) == 0
    assert {path: path.read_bytes() for path in before} == before
    metrics = read(run / "val" / "metrics.json")
    assert (metrics["split"], metrics["num_items"]) == ("val", 6)
    assert metrics["intervals"].keys() <= {"accuracy", "top1", "top5"}


def test_other_files_are_measured_into_another_folder(run: Path, tmp_path: Path) -> None:
    other = make_tree(tmp_path / "other", {"": 2}, rate=16000, suffix="flac")
    out = tmp_path / "out"
    arguments = [f"run.dir={run}", f"dataset.root={other}", "split=all", f"run.out={out}"]
    assert main(["evaluate", *arguments]) == 0
    metrics = read(out / "metrics.json")
    assert (metrics["num_items"], metrics["split"]) == (6, "all")
    assert metrics["fingerprints"]["store"] != metrics["fingerprints"]["trained_on"]
    assert len((out / "predictions.jsonl").read_text().splitlines()) == 6


def test_a_manifest_is_measured_too(run: Path, corpus: Path, tmp_path: Path) -> None:
    table = tmp_path / "list.csv"
    table.write_text("path,speaker,start,end\ntest/low/0.wav,low,0,0.15\ntest/mid/1.wav,zed,,\n")
    arguments = [f"run.dir={run}", "dataset=manifest", f"dataset.path={table}",
                 f"dataset.root={corpus}", f"run.out={tmp_path / 'out'}"]  # fmt: skip
    assert main(["evaluate", *arguments]) == 0
    metrics = read(tmp_path / "out" / "metrics.json")
    assert metrics["num_items"] == 2
    # A speaker nobody trained on can never be answered, and counts as wrong.
    assert metrics["metrics"]["accuracy"] <= 0.5
    assert "zed" in metrics["counts"]["classes"]


def test_items_joined_are_measured_beside_the_items(corpus: Path, tmp_path: Path) -> None:
    table = tmp_path / "list.csv"
    rows = [f"{split}/{name}/{take}.wav,{name},{split}" for split in ("train", "val", "test")
            for name in PITCHES_HZ for take in (0, 1)]  # fmt: skip
    table.write_text("\n".join(["path,text,split", *rows]))
    given = ["dataset=manifest", f"dataset.path={table}", f"dataset.root={corpus}", *SMALL,
             "task=asr", "model=crnn_ctc", "task.target.long_audio.longest_s=2.5",
             f"run.dir={tmp_path / 'run'}", f"store.root={tmp_path / 'stores'}",
             "trainer.max_epochs=1"]  # fmt: skip
    assert main(["run", *given]) == 0
    before = read(tmp_path / "run" / "metrics.json")
    joining = ["degrade=joined", "degrade.length_s=3"]
    assert main(["evaluate", f"run.dir={tmp_path / 'run'}", *joining]) == 0
    found = read(tmp_path / "run" / "degraded" / "joined_3s" / "metrics.json")
    assert (before["num_items"], found["num_items"]) == (6, 1)
    assert found["counts"]["words"]["reference_length"] % 6 == 0
    assert found["metrics"]["wer_alone"] == before["metrics"]["wer"] > 0
    assert found["floors"]["wer_alone"] == before["floors"]["wer"]
    ratio = found["metrics"]["wer"] / before["metrics"]["wer"]
    assert found["metrics"]["wer_rise"] == pytest.approx(ratio - 1)
    assert found["fingerprints"]["store"] != before["fingerprints"]["store"]
    assert all(one["units"] == 6 for one in found["intervals"].values())


def test_evaluating_nothing_is_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", f"run.dir={tmp_path}"]) == 2
    assert "run.dir: expected the folder of a finished run, got " in capsys.readouterr().err


def make_recordings(root: Path) -> Path:
    """Four takes a class, 44.1 kHz in stereo, compressed, without folders for splits."""
    for name in PITCHES_HZ:
        (root / name).mkdir(parents=True)
        for take, suffix in enumerate(["mp3", "flac", "ogg", "mp3"]):
            sound = tone(name, take, 44_100)
            path = root / name / f"{take}.{suffix}"
            soundfile.write(path, [[x, 0.5 * x] for x in sound], 44_100)
    return root


@pytest.fixture
def drawn(run: Path, tmp_path: Path) -> Path:
    """The run as if its splits had been drawn by a seed."""
    copy = tmp_path / "drawn"
    shutil.copytree(run, copy)
    config = read_config(run)
    config = {**config, "split": "val", "dataset": {**config["dataset"], "split": "seeded"}}
    (copy / "config.yaml").write_text(dump_config(config))
    return copy


def test_other_files_without_split_lists_all_count_as_test(
    drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = make_recordings(tmp_path / "takes")
    assert main(["evaluate", f"run.dir={drawn}", f"dataset.root={other}"]) == 0
    metrics = read(drawn / "other" / "takes_val" / "metrics.json")
    assert (metrics["num_items"], metrics["split"]) == (12, "test")
    assert metrics["metrics"]["accuracy"] > 0.6
    said = capsys.readouterr().err
    assert "no split lists: every item counts as test (12; " in said
    assert "no items in split val, all count as test: measuring these" in said


def test_splits_are_drawn_when_asked_for(drawn: Path, tmp_path: Path) -> None:
    other = make_recordings(tmp_path / "takes")
    words = [f"dataset.root={other}", "dataset.split=seeded", "split=test"]
    assert main(["evaluate", f"run.dir={drawn}", *words, f"run.out={tmp_path / 'out'}"]) == 0
    assert read(tmp_path / "out" / "metrics.json")["num_items"] == 3


def test_a_corpus_with_split_lists_keeps_them(
    drawn: Path, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(corpus, moved)
    words = [f"run.dir={drawn}", f"dataset.root={moved}", f"run.out={tmp_path / 'out'}"]
    assert main(["evaluate", *words]) == 0
    metrics = read(tmp_path / "out" / "metrics.json")
    assert (metrics["num_items"], metrics["split"]) == (6, "val")
    assert main(["evaluate", *words, "dataset.root=gone"]) == 2
    assert "dataset.root: expected a folder at " in capsys.readouterr().err
