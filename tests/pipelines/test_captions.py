import json
from pathlib import Path

import pytest

from rnnmm.metrics import caption_java
from rnnmm.pipelines.captions import (
    read_captions,
    read_results,
    score_captions,
)
from rnnmm.pipelines.cli import main

REFERENCES = {
    "1": ["A man rides a horse.", "Someone on a horse."],
    "2": ["Two dogs play in the snow.", "Dogs playing."],
    "x": ["A red car."],
}
RESULTS = {"1": "a man rides a horse", "2": "two dogs sleep", "x": "a man rides a horse"}


@pytest.fixture(autouse=True)
def without_java(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caption_java.shutil, "which", lambda name: None)


def write(path: Path, tree: object) -> Path:
    path.write_text(json.dumps(tree), encoding="utf-8")
    return path


def coco(captions: dict[str, list[str]]) -> dict[str, object]:
    rows = [
        {"image_id": one, "id": number, "caption": text}
        for number, (one, texts) in enumerate(captions.items())
        for text in texts
    ]
    return {"info": {}, "images": [{"id": one} for one in captions], "annotations": rows}


def test_every_layout_is_read_as_the_same(tmp_path: Path) -> None:
    assert read_captions(write(tmp_path / "coco.json", coco(REFERENCES))) == REFERENCES
    assert read_captions(write(tmp_path / "plain.json", REFERENCES)) == REFERENCES
    lines = [json.dumps({"id": one, "captions": texts}) for one, texts in REFERENCES.items()]
    (tmp_path / "list.jsonl").write_text("\n".join([*lines, ""]), encoding="utf-8")
    assert read_captions(tmp_path / "list.jsonl") == REFERENCES
    rows = [{"image_id": one, "caption": text} for one, text in RESULTS.items()]
    assert read_results(write(tmp_path / "results.json", rows)) == RESULTS
    assert read_results(write(tmp_path / "map.json", RESULTS)) == RESULTS
    one = json.dumps({"id": "a", "path": "a.mp4", "reference": ["x"], "hypothesis": "a dog"})
    (tmp_path / "predictions.jsonl").write_text(f"{one}\n", encoding="utf-8")
    assert read_results(tmp_path / "predictions.jsonl") == {"a": "a dog"}
    assert read_captions(tmp_path / "predictions.jsonl") == {"a": ["x"]}
    rows = [{"image_id": 7, "caption": "a dog"}]
    assert read_results(write(tmp_path / "number.json", rows)) == {"7": "a dog"}


def test_line_ends_of_any_kind_belong_to_their_caption(tmp_path: Path) -> None:
    text = "a man\r\n\x0b\x0c\u2028rides"
    path = tmp_path / "lines.jsonl"
    path.write_text(json.dumps({"id": 1, "caption": text}, ensure_ascii=False), encoding="utf-8")
    assert read_captions(path) == {"1": [text]}
    found = score_captions({**RESULTS, "1": text}, REFERENCES)
    plain = score_captions({**RESULTS, "1": "a man rides"}, REFERENCES)
    assert [found.metrics[name] for name in found.floors] == [
        plain.metrics[name] for name in found.floors
    ]


def test_figures_stand_between_floor_and_ceiling() -> None:
    found = score_captions(RESULTS, REFERENCES)
    best = score_captions({one: texts[0] for one, texts in REFERENCES.items()}, REFERENCES)
    assert best.metrics["bleu_4"] > found.metrics["bleu_4"]
    assert set(found.floors) == set(found.ceilings) == set(found.metrics)
    constant = found.counts["constant_caption"]
    same = score_captions(dict.fromkeys(REFERENCES, constant), REFERENCES)
    assert {name: same.metrics[name] for name in same.floors} == found.floors
    assert found.counts["unique_ratio"] == pytest.approx(2 / 3)
    assert (found.counts["num_items"], found.counts["empty"]) == (3, 0)
    assert "novelty" not in found.counts


def test_what_was_learned_from_makes_the_floor_and_novelty() -> None:
    found = score_captions(RESULTS, REFERENCES, {"9": ["Two dogs sleep"], "8": ["a cat"]})
    assert found.counts["novelty"] == pytest.approx(2 / 3)
    assert found.counts["constant_caption"] in ("two dogs sleep", "a cat")
    assert found.counts["unknown_reference_words"] > 0.5


def test_an_empty_answer_is_counted() -> None:
    found = score_captions({**RESULTS, "x": " . "}, REFERENCES)
    assert found.counts["empty"] == 1
    assert found.metrics["rouge_l"] < score_captions(RESULTS, REFERENCES).metrics["rouge_l"]


def test_the_command_prints_and_keeps_the_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = write(tmp_path / "results.json", RESULTS)
    references = write(tmp_path / "references.json", REFERENCES)
    words = ["evaluate", "captions", f"results={results}", f"references={references}"]
    assert main([*words, f"out={tmp_path / 'figures.json'}"]) == 0
    shown = capsys.readouterr().out
    assert "results.json against references.json, 3 items" in shown
    assert "ceiling" in shown and "n/a" in shown
    # What takes minutes comes last.
    assert 0 < shown.index("CIDEr") < shown.index("unique ratio") < shown.index("METEOR")
    kept = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))
    assert kept["metrics"]["meteor"] is None
    assert kept["metrics"]["cider_d"] == score_captions(RESULTS, REFERENCES).metrics["cider_d"]


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ({"1": "a", "2": "b"}, r"a caption for each of 3 items, got none for 1 \(x\)"),
        ({**RESULTS, "7": "a"}, r"expected ids of the references, got 1 other \(7\)"),
    ],
)
def test_ids_must_be_those_of_the_references(results: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        score_captions(results, REFERENCES)


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ([{"image_id": 1, "caption": "a"}] * 2, r"one caption of each item, got several of 1$"),
        ([{"image_id": 1}], 'item 0: expected an object with "image_id"'),
        (["a dog"], "item 0: expected an object .* got 'a dog'"),
        ({"1": 3}, "item 1: expected a caption or a list of captions, got 3"),
        ({"1": []}, r"item 1: expected a caption or a list of captions, got \[\]"),
        ([], "expected captions, got none"),
        (3, "expected a list or an object, got 3"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, tree: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_results(write(tmp_path / "bad.json", tree))


def test_what_is_no_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match=r"bad.json: expected JSON, or JSONL in a file so named"):
        read_captions(tmp_path / "bad.json")


def test_words_that_are_missing_or_unknown_are_all_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["evaluate", "captions", "result=a.json"]) == 2
    told = capsys.readouterr().err
    assert "result=a.json: unknown word (did you mean results?)" in told
    assert "references: missing; give references=FILE" in told
