import wave
from pathlib import Path

import pytest

from rnnmm.data import voices
from rnnmm.data.studio.voice import Speaker
from rnnmm.data.voices import draw_speakers, prepare
from rnnmm.manifest import check_manifest

TEXTS = ["yes", "no"]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_everybody_reads_everything_and_all_of_it_is_to_be_trained_on(tmp_path: Path) -> None:
    manifest = prepare(str(tmp_path / "made"), TEXTS, num_speakers=3)
    check_manifest(manifest)
    assert {item.split for item in manifest.items} == {"train"}
    said = [(item.speaker, item.text, item.label) for item in manifest.items]
    names = [speaker.name for speaker in draw_speakers(3, 0)]
    assert said == [(name, text, text) for name in names for text in TEXTS]
    assert "synthetic" in manifest.findings[0]
    clips = contents(manifest.root)
    assert sorted(clips) == [item.path for item in manifest.items]
    assert len(set(clips.values())) == len(clips)
    with wave.open(str(manifest.root / manifest.items[0].path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16_000)
        assert file.getnframes() > 1_600


def test_what_is_there_is_not_made_again(tmp_path: Path, monkeypatch) -> None:
    first = prepare(str(tmp_path), TEXTS, num_speakers=2)
    with monkeypatch.context() as patch:
        patch.setattr(voices, "_make", None)
        assert prepare(str(tmp_path), TEXTS, num_speakers=2) == first
    again = prepare(str(tmp_path / "elsewhere"), TEXTS, num_speakers=2)
    assert contents(again.root) == contents(first.root)
    assert prepare(str(tmp_path), TEXTS, num_speakers=2, seed=1).root != first.root
    assert prepare(str(tmp_path), ["yes"], num_speakers=2).root != first.root


def test_a_start_that_fails_leaves_nothing(tmp_path: Path, monkeypatch) -> None:
    unknown = Speaker("nobody", "xx+nobody", pitch=50, rate_wpm=150)
    monkeypatch.setattr(voices, "draw_speakers", lambda number, seed: [unknown])
    with pytest.raises(ValueError, match=r"speaker nobody: expected a voice of espeak-ng"):
        prepare(str(tmp_path), TEXTS, num_speakers=1)
    assert not list(tmp_path.iterdir())


def test_of_two_runs_that_make_them_the_slower_takes_the_others(tmp_path: Path) -> None:
    first = prepare(str(tmp_path), TEXTS, num_speakers=1)
    before = contents(first.root)
    voices._make(first.root, draw_speakers(1, 0), TEXTS)
    assert contents(first.root) == before
    assert [path.name for path in tmp_path.iterdir()] == [first.root.name]


def test_speakers_differ() -> None:
    speakers = draw_speakers(50, 0)
    assert draw_speakers(60, 0)[:50] == speakers
    assert len({speaker.voice for speaker in speakers}) > 20
    assert draw_speakers(50, 1) != speakers


@pytest.mark.parametrize("texts", [[], ["a", "a"], ["a", " "]])
def test_texts_must_be_some_and_different(texts: list[str], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"voices\.texts: expected one or more texts, none empty"):
        prepare(str(tmp_path), texts)
