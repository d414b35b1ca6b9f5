import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnmm.metrics.errors import Edit
from rnnmm.report import page
from rnnmm.report.page import Example, TaskSummary, render_page, write_page
from rnnmm.text.word import Word

VOID = {"meta", "img", "br", "link", "path", "polyline", "circle"}
NASTY = "<script>alert('x')</script> & \"quotes\""


class Reader(HTMLParser):
    """Reads a page strictly: every tag closed by its own kind; keeps tags and text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += "" if self.open and self.open[-1] == "style" else f" {data}"

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    reader.text = " ".join(reader.text.split())
    return reader


def summary(**changes: Any) -> TaskSummary:
    values: dict[str, Any] = {
        "name": "asr",
        "dataset": "studio",
        "split": "test",
        "num_items": 1200,
        "headline": "wer",
        "goal": "lower",
        "metrics": {"wer": 0.0312, "bleu_4": 0.5},
        "floors": {"wer": 1.0},
        "seconds": {"train": 90.0, "evaluate": 4.0},
    }
    return TaskSummary(**{**values, **changes})


def clip(steps: int = 12, size: int = 32) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (steps, size, size, 3), dtype=np.uint8)


def test_page_shows_each_task_with_its_floor_and_time() -> None:
    action = summary(name="action", headline="top1", goal="higher",
                     metrics={"top1": 0.96}, floors={"top1": 0.13})  # fmt: skip
    text = read(render_page("Demo", [summary(), action])).text
    assert "Speech recognition studio, test, 1,200 items word error rate 3.1 % 100.0 %" in text
    assert "1 min 34 s" in text
    assert "Action recognition studio, test, 1,200 items top-1 accuracy 96.0 % 13.0 %" in text
    assert "BLEU-4 0.500" in text


def test_page_needs_nothing_from_outside() -> None:
    task = summary(examples=[Example("a", "x", "y", audio=b"RIFF", frames=clip())])
    html = render_page("Demo", [task])
    reader = read(html)
    sources = [attributes["src"] or "" for _, attributes in reader.tags if "src" in attributes]
    assert sources and all(source.startswith("data:") for source in sources)
    assert all((a["href"] or "").startswith("#") for _, a in reader.tags if "href" in a)
    assert not re.search(r"https?:|@import|url\(", html)
    assert not reader.all("script") and not reader.all("link")
    policy = next(a["content"] for a in reader.all("meta") if "http-equiv" in a)
    assert policy is not None and policy.startswith("default-src 'none'")


def test_all_text_from_data_is_escaped() -> None:
    edits = [Edit("hit", NASTY, NASTY), Edit("substitution", NASTY, "b")]
    task = summary(
        name=NASTY,
        dataset=NASTY,
        split=NASTY,
        metrics={"wer": 0.1, NASTY: 1.0},
        seconds={NASTY: 1.0},
        history=[{"epoch": 0, f"train_{NASTY}": 1.0}],
        confusion=([NASTY], np.array([[3]])),
        examples=[
            Example(NASTY, NASTY, NASTY, frames=clip(1)),
            Example(NASTY, NASTY, NASTY, frames=clip(2), alignment=edits),
        ],
        notes=[NASTY],
    )
    reader = read(render_page(NASTY, [task]))
    assert not reader.all("script")
    assert reader.text.count(NASTY) >= 15


def test_words_show_when_they_begin_and_how_sure_they_are() -> None:
    words = [Word(NASTY, 0.5, 0.8, 0.25), Word("b", float("nan"), float("nan"), 1.0)]
    reader = read(render_page("Demo", [summary(examples=[Example("a", "x", "y", words=words)])]))
    spans = [one for one in reader.all("span") if one.get("class") == "sure"]
    assert [(one["style"], one["title"]) for one in spans] == [
        ("--sure: 0.250", "25 %"), ("--sure: 1.000", "100 %"),
    ]  # fmt: skip
    assert f"{NASTY} 0.50 b" in reader.text and "nan" not in reader.text
    assert "the less sure is the model" in reader.text
    assert "the less sure" not in read(render_page("Demo", [summary()])).text


def test_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("first.html", "second.html"):
        write_page(tmp_path / name, "Demo", [summary(examples=[Example("a", "x", "y")])])
    first, second = sorted(tmp_path.iterdir())
    assert first.read_bytes() == second.read_bytes()


def test_text_that_is_no_unicode_is_still_written(tmp_path: Path) -> None:
    write_page(tmp_path / "page.html", "Demo", [summary(examples=[Example("\udcff", "x", "y")])])
    assert "\\udcff" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_notes_of_all_tasks_stand_once_at_the_top() -> None:
    first = summary(notes=["Synthetic speech.", "One clip is missing."])
    second = summary(name="caption", notes=["Synthetic speech."])
    text = read(render_page("Demo", [first, second])).text
    assert text.count("Synthetic speech.") == text.count("One clip is missing.") == 1
    assert text.index("Synthetic speech.") < text.index("Measured on")
    assert text.index("One clip is missing.") > text.index("Measured on")


@pytest.mark.parametrize(
    ("goal", "value", "floor", "beats"),
    [
        ("lower", 0.1, 1.0, True),
        ("lower", 1.0, 1.0, False),
        ("lower", float("nan"), 1.0, False),
        ("higher", 0.9, 0.1, True),
        ("higher", 0.1, 0.1, False),
        ("higher", 0.1, None, True),
    ],
)
def test_a_headline_behind_its_floor_is_marked(
    goal: str, value: float, floor: float | None, beats: bool
) -> None:
    floors = {} if floor is None else {"wer": floor}
    task = summary(goal=goal, metrics={"wer": value}, floors=floors)
    text = read(render_page("Demo", [task])).text
    assert task.beats_floor is beats
    assert ("not better than its floor" in text) is not beats


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_not_available(value: float) -> None:
    html = render_page("Demo", [summary(metrics={"wer": value, "cider_d": value})])
    assert "n/a" in html and "nan" not in html and "inf" not in html


def test_an_interval_stands_beside_its_value() -> None:
    text = read(page.render_page("x", [summary(intervals={"wer": (0.02, 0.05)})])).text
    assert "lower is better; 95 % interval 2.0 to 5.0 %" in text
    assert "95 % interval" not in read(page.render_page("x", [summary()])).text.partition("All")[0]


def test_history_gives_one_chart_per_quantity_loss_first() -> None:
    history = [
        {"epoch": 0, "train_loss": 2.0, "val_wer": 0.9},
        {"epoch": 1, "train_loss": 1.0, "val_loss": 1.5, "val_wer": 0.4},
        {"epoch": 2, "train_loss": float("nan")},
    ]
    reader = read(render_page("Demo", [summary(history=history)]))
    charts = [a["aria-label"] for a in reader.all("svg") if "aria-label" in a]
    assert charts == ["loss by epoch", "word error rate by epoch"]
    lines = [a["class"] for a in reader.all("polyline")]
    assert lines == ["line train", "line val", "line val"]
    assert "train 1.000" in reader.text and "val 40.0 %" in reader.text


def test_history_without_a_finite_value_draws_nothing() -> None:
    reader = read(render_page("Demo", [summary(history=[{"epoch": 0, "val_wer": float("nan")}])]))
    assert not reader.all("svg")


def test_a_small_confusion_matrix_is_drawn() -> None:
    matrix = np.array([[9, 1], [0, 0]])
    reader = read(render_page("Demo", [summary(confusion=(["yes", "no"], matrix))]))
    cells = [a for a in reader.all("td") if (a.get("class") or "").startswith("cell")]
    assert [cell["style"] for cell in cells] == ["--share: 0.900", "--share: 0.100"]
    assert "yes 9 1 90 %" in reader.text and "no n/a" in reader.text


def test_each_class_stands_by_itself_in_a_table() -> None:
    rows = [["Class", "Items"], [NASTY, "3"], ["hop", "12"]]
    reader = read(render_page("Test", [summary(classes=rows)]))
    assert "One by one: 2" in reader.text
    assert NASTY in reader.text and "hop 12" in reader.text
    assert "One by one" not in render_page("Test", [summary()])


def test_of_a_large_confusion_matrix_the_worst_are_listed() -> None:
    matrix = np.eye(30, dtype=int) * 10
    matrix[4, 7] = 5
    task = summary(confusion=([f"c{index}" for index in range(30)], matrix))
    text = read(render_page("Demo", [task])).text
    assert "Worst confusions, 30 classes" in text and "c4 c7 5 33 %" in text


def test_a_perfect_large_matrix_says_so() -> None:
    task = summary(confusion=([f"c{index}" for index in range(30)], np.eye(30, dtype=int)))
    assert "No class was taken for another." in render_page("Demo", [task])


def test_alignment_marks_what_was_missed_and_what_was_added() -> None:
    edits = [
        Edit("hit", "the", "the"),
        Edit("substitution", "cat", "hat"),
        Edit("deletion", "sat", None),
        Edit("insertion", None, "up"),
    ]
    html = render_page("Demo", [summary(examples=[Example("a", "r", "h", alignment=edits)])])
    answer = re.search(r'<dd class="answer">(.*?)</dd>', html, re.DOTALL)
    assert answer is not None
    assert " ".join(answer[1].split()) == (
        "the <del>cat</del> <ins>hat</ins> <del>sat</del> <ins>up</ins>"
    )


def test_answers_of_a_classifier_are_ticked() -> None:
    examples = [Example("a", "yes", "yes", score=0.75), Example("b", "yes", "no")]
    task = summary(confusion=(["yes", "no"], np.eye(2, dtype=int)), examples=examples)
    text = read(render_page("Demo", [task])).text
    assert "a score 0.750 Reference yes Model yes ✓" in text
    assert "b Reference yes Model no ✗" in text


def test_media_of_an_example_are_inside_the_page() -> None:
    example = Example("a", "x", "y", audio=b"RIFF", frames=clip())
    reader = read(render_page("Demo", [summary(examples=[example])]))
    assert [a["src"] for a in reader.all("audio")] == ["data:audio/wav;base64,UklGRg=="]
    kinds = [(a["src"] or "").partition(";")[0] for a in reader.all("img")]
    assert kinds == ["data:image/webp"] + ["data:image/jpeg"] * 8


def test_a_photo_is_one_picture() -> None:
    reader = read(
        render_page("Demo", [summary(examples=[Example("a", "x", "y", frames=clip(1))])])
    )
    assert [a["class"] for a in reader.all("img")] == ["still"]


def test_media_beyond_the_limit_are_left_out_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "MAX_MEDIA_BYTES", 40_000)
    examples = [Example(name, "x", "y", audio=bytes(12_000)) for name in "abc"]
    quiet, loud = summary(), summary(examples=examples)
    reader = read(render_page("Demo", [quiet, loud]))
    assert len(reader.all("audio")) == 2  # what the first task does not use goes to the second
    assert reader.text.count("Left out to keep this page small: sound.") == 1
    assert len(read(render_page("Demo", [loud, loud])).all("audio")) == 2


def test_a_page_stays_below_five_megabytes(tmp_path: Path) -> None:
    examples = [Example(f"{index}", "x", "y", audio=bytes(900_000)) for index in range(8)]
    write_page(tmp_path / "page.html", "Demo", [summary(examples=examples)] * 2)
    assert 2_000_000 < (tmp_path / "page.html").stat().st_size < 5_000_000


def test_a_headline_must_be_a_metric() -> None:
    with pytest.raises(ValueError, match=r"task asr: expected the headline .*'cer'.*got 'eer'"):
        summary(headline="eer", metrics={"wer": 0.1, "cer": 0.1})


def test_a_confusion_matrix_must_fit_its_names() -> None:
    with pytest.raises(ValueError, match=r"expected a 2 x 2 confusion matrix .*got \(3, 3\)"):
        summary(confusion=(["a", "b"], np.eye(3, dtype=int)))


@pytest.mark.parametrize(
    "frames", [clip()[0], clip()[:0], clip()[..., :1], clip().astype(np.float32)]
)
def test_frames_must_be_rgb_bytes(frames: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"example a: expected frames \(T, H, W, 3\) uint8"):
        Example("a", "x", "y", frames=frames)
