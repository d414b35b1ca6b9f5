"""Voices are pitches that come and go; a classifier's pooled vector tells them apart."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tones import RATE

from rnnmm.pipelines.cli import main

ANNA_HZ, STRANGER_HZ = 900, 200
OTHERS_HZ = (150, 210, 300, 420, 600, 850, 1200)


def syllables(pitch_hz: float, seed: int, seconds: float = 0.8) -> np.ndarray:
    rng = np.random.default_rng(seed)
    t = np.arange(round(RATE * seconds)) / RATE
    wave = np.sin(2 * np.pi * pitch_hz * rng.uniform(0.98, 1.02) * t) * np.sin(8 * np.pi * t) ** 2
    return 0.4 * wave + 0.003 * rng.standard_normal(len(t))


def write(path: Path, wave: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, wave, RATE)
    return path


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    for take in range(4):
        write(folder / f"anna{take}.wav", syllables(ANNA_HZ, 100 + take))
        write(folder / f"stranger{take}.wav", syllables(STRANGER_HZ, 200 + take))
    write(folder / "silence.wav", np.zeros(RATE))
    write(folder / "short.wav", syllables(ANNA_HZ, 1, 0.05))
    write(folder / "clipped.wav", np.clip(4 * syllables(ANNA_HZ, 1), -0.5, 0.5))
    write(folder / "empty.wav", np.zeros(0))
    return folder


@pytest.fixture(scope="module")
def people(run: Path, clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A book of one, that rests on people of another dataset."""
    others, book = tmp_path_factory.mktemp("others"), tmp_path_factory.mktemp("people") / "book"
    for pitch in OTHERS_HZ:
        for take in range(3):
            write(others / "test" / f"s{pitch}" / f"{take}.wav", syllables(pitch, take))
    words = [*of(run, book), f"dataset.root={others}", "split=all", "name=anna"]
    assert main(["speaker", "enrol", *words, inputs(clips, "anna", 2)]) == 0
    return book


def of(run: Path, book: Path) -> list[str]:
    return [f"run.dir={run}", f"book={book}"]


def inputs(folder: Path, name: str, count: int, start: int = 0) -> str:
    files = (str(folder / f"{name}{take}.wav") for take in range(start, start + count))
    return f"inputs=[{','.join(files)}]"


def answers(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_enrolled_people_are_known_again(
    run: Path, clips: Path, people: Path, tmp_path: Path
) -> None:
    words = [*of(run, people), "false_accept_rate=0.1", f"run.out={tmp_path}"]
    assert main(["speaker", "verify", *words, "name=anna", inputs(clips, "anna", 2, 2)]) == 0
    found = answers(tmp_path / "verify.jsonl")
    assert [row["answer"] for row in found] == ["same", "same"]
    assert all(row["llr"] >= row["threshold"] for row in found)
    assert found[0]["path"] == str(clips / "anna2.wav")
    assert 0 < found[0]["quality"]["score"] <= 1
    assert main(["speaker", "verify", *words, "name=anna", inputs(clips, "stranger", 2)]) == 0
    assert {row["answer"] for row in answers(tmp_path / "verify.jsonl")} == {"different"}
    both = f"inputs=[{clips / 'stranger0.wav'},{clips / 'anna2.wav'}]"
    assert main(["speaker", "identify", *words, both]) == 0
    found = answers(tmp_path / "identify.jsonl")
    assert [row["answer"] for row in found] == ["unknown", "anna"]
    assert [row["name"] for row in found] == ["anna", "anna"]


def test_a_stranger_who_is_enrolled_by_another_name_is_told(
    run: Path, people: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    book = Path(shutil.copytree(people, tmp_path / "book"))
    again = tmp_path / "again"
    for take in range(2):
        write(again / f"bert{take}.wav", syllables(150, take))  # s150's very clips
    for name, told in (("bert", "bert sounds like s150, one of the strangers"), ("s150", "")):
        caplog.clear()
        words = [f"name={name}", inputs(again, "bert", 2)]
        assert main(["speaker", "enrol", *of(run, book), *words]) == 0
        assert told in caplog.text and "like s150" not in caplog.text.replace(told, "")


def test_clips_that_will_not_do_are_refused_with_the_reason(
    run: Path, clips: Path, people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("anna2.wav", "silence.wav", "short.wav", "clipped.wav", "empty.wav", "gone.wav")
    listed = f"inputs=[{','.join(str(clips / name) for name in names)}]"
    words = [*of(run, people), f"run.out={tmp_path}", listed]
    assert main(["speaker", "identify", *words]) == 1
    shown = capsys.readouterr().out
    answer, *others = answers(tmp_path / "identify.jsonl")
    assert answer["path"] == str(clips / "anna2.wav") and "fault" not in answer
    faults = {Path(row["path"]).name: row["fault"] for row in others}
    assert faults.keys() == set(names[1:]) and faults["gone.wav"] == "no such file"
    for name, reason in (
        ("silence", "silence (never above"), ("short", "too short"), ("clipped", "clipped ("),
        ("empty", ""), ("gone", "no such file"),
    ):  # fmt: skip
        assert f"refused {clips / name}.wav: {reason}" in shown
    before = (people / "book.json").read_bytes()
    assert main(["speaker", "enrol", *words, "name=bert"]) == 1
    assert "bert was not enrolled" in capsys.readouterr().out
    assert (people / "book.json").read_bytes() == before
    gone = f"inputs=[{clips / 'gone.wav'}]"
    assert main(["speaker", "identify", *of(run, people), f"run.out={tmp_path}", gone]) == 1
    assert answers(tmp_path / "identify.jsonl") == [answer, *others]  # as before


def test_people_are_listed_and_removed(
    run: Path, clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    book = tmp_path / "book"
    for name in ("anna", "stranger"):
        words = [*of(run, book), f"name={name}", inputs(clips, name, 1)]
        assert main(["speaker", "enrol", *words]) == 0
    capsys.readouterr()
    assert main(["speaker", "remove", f"book={book}", "name=anna"]) == 0
    assert "removed anna" in capsys.readouterr().out
    assert main(["speaker", "list", f"book={book}"]) == 0
    shown = capsys.readouterr().out
    assert "1 voice in the book" in shown and "stranger" in shown and "anna" not in shown
    assert main(["speaker", "remove", f"book={book}", "name=anna"]) == 1
    assert "expected somebody in the book (stranger), got 'anna'" in capsys.readouterr().err


def test_a_book_of_another_model_is_refused(
    run: Path, clips: Path, people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    book = tmp_path / "book"
    book.mkdir()
    (book / "embeddings.safetensors").write_bytes((people / "embeddings.safetensors").read_bytes())
    fields = json.loads((people / "book.json").read_text())
    (book / "book.json").write_text(json.dumps({**fields, "model": "f" * 32}))
    assert main(["speaker", "identify", *of(run, book), inputs(clips, "anna", 1)]) == 1
    assert "expected a book of this run's model, got one of another" in capsys.readouterr().err


def test_a_book_that_is_not_there_is_said(
    run: Path, clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    book = tmp_path / "none"
    for words in (
        ["identify", *of(run, book), inputs(clips, "anna", 1)],
        ["list", f"book={book}"],
        ["remove", f"book={book}", "name=anna"],
    ):
        assert main(["speaker", *words]) == 1
        assert "expected a speaker book, found no book.json" in capsys.readouterr().err
        assert not book.exists()


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ([], "expected enrol, verify, identify, list, remove, rehearse, got nothing"),
        (["enroll", "book=b"], "got enroll (did you mean enrol?)"),
        (["list"], "book: missing; give book=FOLDER"),
        (["enrol", "book=b"], "name: expected 1 to 100 characters, no path"),
        (["enrol", "book=b", "name=../x"], "got '../x'"),
        (["verify", "book=b", "name=a", "false_accept_rate=2"], "above 0 and below 1, got 2"),
        (["identify", "book=b", "false_accept_rate=often"], "got often"),
        (["identify", "book=b", "min_speech_s=0"], "min_speech_s: expected a number above 0"),
        (["identify", "book=b"], "run.dir: missing"),
        (["identify", "book=b", "run.dir=nowhere"], "expected the folder of a finished run"),
    ],
)
def test_words_that_are_not_understood(
    words: list[str], fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["speaker", *words]) == 2
    assert fault in capsys.readouterr().err
