import json
from pathlib import Path

import pytest
from tones import PITCHES_HZ, read

from rnnmm.pipelines.cli import main


def test_predict_answers_and_names_what_it_cannot(
    run: Path, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "page.wav").write_text("<html>not found</html>")
    good = corpus / "test" / "low" / "0.wav"
    out = tmp_path / "out"
    assert main(["predict", f"run.dir={run}", f"inputs=[{good}]", f"run.out={out}"]) == 0
    answer = json.loads((out / "predicted.jsonl").read_text())
    assert answer["path"] == str(good)
    assert answer["hypothesis"] in PITCHES_HZ
    expected = next(
        line
        for line in map(json.loads, (run / "predictions.jsonl").read_text().splitlines())
        if line["path"] == "test/low/0.wav"
    )
    assert answer["hypothesis"] == expected["hypothesis"]
    assert answer["score"] == pytest.approx(expected["score"], abs=1e-5)
    more = f"inputs=[{good},{tmp_path / 'page.wav'},{tmp_path / 'gone.wav'},{tmp_path}]"
    capsys.readouterr()
    assert main(["predict", f"run.dir={run}", more, f"run.out={out}"]) == 1
    printed = capsys.readouterr().out
    assert "speaker: 1 answer\n" in printed
    assert "page.wav: not a media file" in printed
    assert "gone.wav: no such file" in printed
    assert "a folder, expected files" in printed
    first, *others = map(json.loads, (out / "predicted.jsonl").read_text().splitlines())
    assert first == answer
    assert {one["path"]: one["fault"][:12] for one in others} == {
        str(tmp_path / "gone.wav"): "no such file",
        str(tmp_path): "a folder, ex",
        str(tmp_path / "page.wav"): "not a media ",
    }
    before = (out / "predicted.jsonl").read_bytes()
    for name in ("gone.wav", "page.wav"):
        capsys.readouterr()
        words = [f"run.dir={run}", f"inputs={tmp_path / name}", f"run.out={out}"]
        assert main(["predict", *words]) == 1
        assert "predicted.jsonl" not in capsys.readouterr().out
        assert (out / "predicted.jsonl").read_bytes() == before


def test_predict_follows_links(run: Path, corpus: Path, tmp_path: Path) -> None:
    link = tmp_path / "shelf" / "mine.wav"
    link.parent.mkdir()
    link.symlink_to(corpus / "test" / "low" / "0.wav")
    assert main(["predict", f"run.dir={run}", f"inputs=[{link}]", f"run.out={tmp_path}"]) == 0
    assert read(tmp_path / "predicted.jsonl")["path"] == str(link)


def test_predict_of_nothing_readable_names_every_file(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one.wav", "two.wav"):
        (tmp_path / name).write_text("<html>not found</html>")
    inputs = f"inputs=[{tmp_path / 'one.wav'},{tmp_path / 'two.wav'}]"
    assert main(["predict", f"run.dir={run}", inputs, f"run.out={tmp_path / 'out'}"]) == 1
    printed = capsys.readouterr().out
    assert "no answer for" in printed
    assert "one.wav" in printed
    assert "two.wav" in printed
    assert not (tmp_path / "out" / "predicted.jsonl").exists()


def test_predict_of_nothing_is_a_fault(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([], ["inputs=[]"], ["inputs="]):
        assert main(["predict", f"run.dir={run}", *words]) == 2
        assert capsys.readouterr().err.splitlines()[1:] == [
            "  inputs: missing; give inputs=[A,B] (expected list[str])"
        ]


def test_predict_takes_names_as_they_are(run: Path, corpus: Path, tmp_path: Path) -> None:
    path = tmp_path / "it's größer (1).wav"
    path.write_bytes((corpus / "test" / "low" / "0.wav").read_bytes())
    for inputs in (f"inputs={path}", f"inputs=[{path}]"):
        assert main(["predict", f"run.dir={run}", inputs, f"run.out={tmp_path}"]) == 0
        assert read(tmp_path / "predicted.jsonl")["path"] == str(path)


def test_words_about_texts_are_for_language_models(
    run: Path, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [f"run.dir={run}", f"inputs={corpus / 'test' / 'low' / '0.wav'}", "num_texts=2"]
    assert main(["predict", *words, "top_k=1"]) == 1
    assert capsys.readouterr().err.startswith(
        "rnnmm predict: num_texts and top_k: expected the run of a language model, got one of "
        "task speaker; leave out"
    )
