"""Voices are pitches that come and go, of people whom the run has never heard."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tones import RATE

from rnnmm.pipelines.cli import main
from rnnmm.pipelines.console import console
from rnnmm.pipelines.rehearsal import parse

PITCHES_HZ = (150, 210, 300, 420, 600, 850)
NUM_CLIPS = 4


def syllables(pitch_hz: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    t = np.arange(round(RATE * 0.8)) / RATE
    wave = np.sin(2 * np.pi * pitch_hz * rng.uniform(0.98, 1.02) * t) * np.sin(8 * np.pi * t) ** 2
    return 0.4 * wave + 0.003 * rng.standard_normal(len(t))


def make_voice(folder: Path, pitch_hz: float) -> None:
    folder.mkdir(parents=True)
    for take in range(NUM_CLIPS):
        soundfile.write(folder / f"{take}.wav", syllables(pitch_hz, take), RATE)


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("others")
    for pitch in PITCHES_HZ:
        make_voice(root / "test" / f"s{pitch}", pitch)
    soundfile.write(root / "test" / "s150" / "silence.wav", np.zeros(RATE), RATE)
    return root


def words(run: Path, others: Path, out: Path) -> list[str]:
    return [f"run.dir={run}", f"dataset.root={others}", "split=all", f"run.out={out}"]


@pytest.fixture(scope="module")
def rehearsed(
    run: Path, others: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    """Where the figures lie, and what was printed."""
    out = tmp_path_factory.mktemp("rehearsed")
    asked = ["rates=[0.05,0.2]", "num_draws=4", "num_clips=2"]
    with console.capture() as shown:
        assert main(["speaker", "rehearse", *words(run, others, out), *asked]) == 0
    return out / "metrics.json", shown.get()


def test_stated_rates_are_measured(rehearsed: tuple[Path, str]) -> None:
    path, shown = rehearsed
    assert "identify in a book of 3" in shown and "verify in a book of 3" in shown
    assert "split all, 6 speakers" in shown
    assert "strangers accepted" in shown and "20 %" in shown and "min_cllr" in shown
    found = json.loads(path.read_text())
    assert (found["schema"], found["split"]) == (1, "all")
    assert found["num_items"] == len(PITCHES_HZ) * NUM_CLIPS  # the silence is refused
    counts = found["counts"]
    assert (counts["people"], counts["members"], counts["refused"]) == (6, 3, 1)
    assert counts["targets"] == 4 * 3 * (NUM_CLIPS - 2)  # of four draws
    assert counts["nontargets"] == 4 * 3 * 3 * NUM_CLIPS
    rated = {name for name in found["metrics"] if name not in ("eer", "cllr", "min_cllr")}
    assert rated == {
        f"{verb}_{what}_{rate}"
        for verb in ("identify", "verify")
        for what in ("false_accepts", "misses")
        for rate in ("0.2", "0.05")
    }
    for name, interval in found["intervals"].items():
        assert interval["low"] <= found["metrics"][name] <= interval["high"]
        assert interval["units"] == 6
    assert found["metrics"]["cllr"] >= found["metrics"]["min_cllr"]


def test_its_figures_are_listed_with_the_run_s(
    run: Path, rehearsed: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rehearsal").mkdir()
    shutil.copy(rehearsed[0], tmp_path / "rehearsal")
    for name in ("config.yaml", "git.txt", "overrides.txt"):
        shutil.copy(run / name, tmp_path)
    assert main(["results", f"run.dir={tmp_path}"]) == 0
    row = capsys.readouterr().out.splitlines()[2]
    assert "| all | 24 | eer |" in row and row.endswith("in `rehearsal` |")


def test_people_of_the_thresholds_are_refused(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, pitch in (("high", 900), ("new", 300)):  # the run's own data have a "high"
        make_voice(tmp_path / "test" / name, pitch)
    assert main(["speaker", "rehearse", *words(run, tmp_path, tmp_path)]) == 1
    assert "whom the thresholds do not rest on, got high; choose" in capsys.readouterr().err
    assert not (tmp_path / "metrics.json").exists()


def test_clips_that_identify_refuses_are_left_out(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The run's own tones are all steady: no speech in them."""
    assert main(["speaker", "rehearse", f"run.dir={run}", f"run.out={tmp_path}"]) == 1
    shown = capsys.readouterr().err
    assert "9 clips refused, as identify refuses them" in shown
    assert "expected at least two people, one with more than 3 clips, got 0 people" in shown


@pytest.mark.parametrize(
    ("word", "fault"),
    [
        ("rates=[0.1,2]", "rates: expected numbers above 0 and below 1, got 2"),
        ("rates=[]", "got nothing"),
        ("num_draws=0", "num_draws: expected a whole number of 1 or more, got 0"),
        ("num_clips=few", "num_clips: expected a whole number of 1 or more, got few"),
    ],
)
def test_words_that_are_not_understood(
    word: str, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["speaker", "rehearse", "run.dir=nowhere", word]) == 2
    shown = capsys.readouterr().err
    assert fault in shown and "rnnmm speaker rehearse run.dir=RUN" in shown


def test_rates_fall() -> None:
    request, overrides = parse(["run.dir=x", "rates=0.01,0.1", "split=val"])
    assert request.rates == (0.1, 0.01)
    assert overrides == ["run.dir=x", "split=val"]
