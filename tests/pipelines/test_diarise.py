"""Voices are pitches that come and go, as in test_speaker; a recording has two of them."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from tones import RATE

from rnnmm.metrics.diarisation import count_diarisation_errors
from rnnmm.pipelines.cli import main
from rnnmm.speakers.rttm import read_rttm

LOW_HZ, HIGH_HZ = 200, 1200


def voice(pitch_hz: float, seconds: float) -> np.ndarray:
    rng = np.random.default_rng(round(pitch_hz))
    t = np.arange(round(RATE * seconds)) / RATE
    wave = np.sin(2 * np.pi * pitch_hz * t) * np.sin(8 * np.pi * t) ** 2
    return 0.4 * wave + 0.003 * rng.standard_normal(len(t))


@pytest.fixture(scope="module")
def meeting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two voices in turns, a second of silence between them."""
    rng = np.random.default_rng(0)
    pause = 0.0003 * rng.standard_normal(RATE)
    parts = [voice(LOW_HZ, 3), pause, voice(HIGH_HZ, 3), pause, voice(LOW_HZ, 2)]
    path = tmp_path_factory.mktemp("meeting") / "the meeting.wav"
    soundfile.write(path, np.concatenate(parts), RATE)
    return path


@pytest.fixture(scope="module")
def reference(meeting: Path) -> Path:
    turns = [(0, 3, "low"), (4, 3, "high"), (8, 2, "low")]
    lines = [
        f"SPEAKER the_meeting 1 {start} {seconds} <NA> <NA> {name} <NA> <NA>"
        for start, seconds, name in turns
    ]
    path = meeting.with_suffix(".rttm")
    path.write_text("\n".join(lines))
    return path


def test_turns_are_those_that_were_spoken(
    run: Path, meeting: Path, reference: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [f"run.dir={run}", f"run.out={tmp_path}", f"inputs={meeting}", "num_speakers=2"]
    assert main(["diarise", *words, f"reference={reference}", "collar_s=0.25"]) == 0
    found = read_rttm(tmp_path / "diarised.rttm")
    errors = count_diarisation_errors(
        read_rttm(reference)["the_meeting"], found["the_meeting"], collar_s=0.25
    )
    assert errors.rate < 0.05
    printed = capsys.readouterr().out
    assert f"{errors.rate:.4f}" in printed
    assert "3 turns of 2 speakers" in printed


def test_one_voice_for_a_high_bar_and_many_for_a_low_one(
    run: Path, meeting: Path, tmp_path: Path
) -> None:
    def num_speakers(min_cosine: float) -> int:
        words = [f"run.dir={run}", f"run.out={tmp_path}", f"inputs={meeting}"]
        assert main(["diarise", *words, f"min_cosine={min_cosine}"]) == 0
        turns = read_rttm(tmp_path / "diarised.rttm")["the_meeting"]
        return len({turn.speaker for turn in turns})

    assert num_speakers(-1) == 1
    assert num_speakers(0.9999) > 1


def test_files_that_are_not_there_are_named(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "diarised.rttm").write_text("of an earlier command")
    words = [f"run.dir={run}", f"run.out={tmp_path}", f"inputs={tmp_path / 'none.wav'}"]
    assert main(["diarise", *words]) == 1
    assert "no such file" in capsys.readouterr().out
    assert (tmp_path / "diarised.rttm").read_text() == "of an earlier command"


def test_a_detector_must_be_one(
    run: Path, meeting: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [f"run.dir={run}", f"run.out={tmp_path}", f"inputs={meeting}", f"activity_run={run}"]
    assert main(["diarise", *words]) == 1
    assert "expected a run of task=activity or tagging, got speaker" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("num_speakers=two", "num_speakers: expected a whole number, got two"),
        ("min_cosine=2", "min_cosine: expected a number from -1 to 1, got 2"),
        ("collar_s=-1", "collar_s: expected seconds from 0 to 10, got -1"),
    ],
)
def test_faults_are_all_named(word: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diarise", "run.dir=x", word]) == 2
    assert message in capsys.readouterr().err


def test_two_recordings_of_one_name_are_refused(
    run: Path, meeting: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / meeting.name
    other.write_bytes(meeting.read_bytes())
    words = [f"run.dir={run}", f"run.out={tmp_path}", f"inputs=[{meeting},{other}]"]
    assert main(["diarise", *words]) == 1
    assert "expected recordings of different names" in capsys.readouterr().err
