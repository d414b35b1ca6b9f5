import html
import itertools
import math
import random
import re

import pytest

from rnnmm.text.subtitles import Cue, Format, Layout, make_cues, write_subtitles
from rnnmm.text.word import Word

POINTS: dict[Format, str] = {"srt": ",", "vtt": r"\."}


def parse(text: str, form: Format) -> list[Cue]:
    """Reads a file as the formats ask for it, and refuses whatever they do not allow."""
    if form == "vtt":
        assert text.startswith("WEBVTT\n")
        text = text.removeprefix("WEBVTT\n").removeprefix("\n")
    if not text:
        return []
    assert text.endswith("\n") and not text.endswith("\n\n")
    blocks = text.split("\n\n")
    clock = rf"(\d\d+):([0-5]\d):([0-5]\d){POINTS[form]}(\d{{3}})"
    cues = []
    for number, block in enumerate(blocks, start=1):
        lines = block.removesuffix("\n").split("\n")
        if form == "srt":
            assert lines.pop(0) == str(number)
        found = re.fullmatch(f"{clock} --> {clock}", lines.pop(0))
        assert found is not None and lines and all(lines)
        first, last = found.groups()[:4], found.groups()[4:]
        start_s, end_s = (
            int(h) * 3600 + int(m) * 60 + int(s) + int(ms) / 1000 for h, m, s, ms in (first, last)
        )
        if form == "vtt":
            assert not re.search(r"[<>]|&(?!amp;|lt;|gt;)", "".join(lines))
            lines = [html.unescape(line) for line in lines]
        cues.append(Cue(start_s, end_s, tuple(lines)))
    return cues


def spoken(*texts: str, each_s: float = 0.4, gap_s: float = 0.1) -> list[Word]:
    return [
        Word(text, index * (each_s + gap_s), index * (each_s + gap_s) + each_s, 0.9)
        for index, text in enumerate(texts)
    ]


def random_words(seed: int) -> list[Word]:
    draw = random.Random(seed)
    words, now_s = [], 0.0
    for _ in range(60):
        now_s += draw.choice([0.0, 0.05, 0.3, 0.69, 0.71, 3.0])
        end_s = now_s + draw.uniform(0.04, 1.5)
        text = "".join(draw.choices("abcé-'<&>", k=draw.choice([1, 3, 8, 20, 50])))
        words.append(Word(text, now_s, end_s, draw.random()))
        now_s = end_s
    return words


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("layout", [Layout(), Layout(10, 1, 2.0, 0.5, 0.1), Layout(30, 3, 60.0)])
def test_cues_keep_every_rule_and_every_word(seed: int, layout: Layout) -> None:
    words = random_words(seed)
    cues = make_cues(words, layout)
    shown = [word for cue in cues for line in cue.lines for word in line.split()]
    assert shown == [word.text for word in words]
    left = list(words)
    for cue in cues:
        own = [left.pop(0) for line in cue.lines for _ in line.split()]
        assert len(cue.lines) <= layout.max_lines
        assert all(len(line) <= layout.max_chars or " " not in line for line in cue.lines)
        assert 0 < cue.end_s - cue.start_s <= layout.max_cue_s + 1e-9
        assert cue.start_s == own[0].start_s
        gaps = [b.start_s - a.end_s for a, b in itertools.pairwise(own)]
        assert all(gap < layout.pause_s for gap in gaps)
    for cue, after in itertools.pairwise(cues):
        assert cue.end_s <= after.start_s
        is_short = cue.end_s - cue.start_s < layout.min_cue_s - 1e-9
        assert not is_short or cue.end_s == after.start_s


def test_a_cue_goes_on_for_as_long_as_the_layout_allows() -> None:
    words = spoken(*["word"] * 20)
    assert [len(" ".join(cue.lines).split()) for cue in make_cues(words)] == [14, 6]  # 7 s
    quick = spoken(*["word"] * 20, each_s=0.1, gap_s=0.0)
    lines = make_cues(quick)[0].lines
    assert [len(line) for line in lines] == [39, 39]  # 8 words fill a line of 42


def test_a_pause_breaks_and_a_short_cue_stays_to_be_read() -> None:
    words = [Word("yes", 0.0, 0.2, 1.0), Word("no", 0.9, 1.0, 1.0), Word("so", 1.5, 1.6, 1.0)]
    assert make_cues(words) == [Cue(0.0, 0.9, ("yes",)), Cue(0.9, 1.9, ("no so",))]


def test_two_words_at_once_are_both_shown() -> None:
    words = [Word("a" * 42, 1.0, 1.1, 1.0), Word("b" * 42, 1.0, 1.1, 1.0)]
    assert [cue[:2] for cue in make_cues(words, Layout(max_lines=1))] == [(1.0, 2.0)] * 2


@pytest.mark.parametrize("form", ["srt", "vtt"])
def test_what_is_written_can_be_read_back(form: Format) -> None:
    for seed in range(5):
        cues = make_cues(random_words(seed))
        found = parse(write_subtitles(cues, form), form)
        assert [cue.lines for cue in found] == [cue.lines for cue in cues]
        for one, other in zip(found, cues):
            assert one[:2] == pytest.approx(other[:2], abs=0.0005 + 1e-9)
    assert parse(write_subtitles([], form), form) == []


def test_the_formats_are_as_players_know_them() -> None:
    cues = [Cue(0.0, 1.2346, ("a & b", "<i>")), Cue(3599.9996, 360000.5, ("größer",))]
    assert write_subtitles(cues, "srt") == (
        "1\n00:00:00,000 --> 00:00:01,235\na & b\n<i>\n\n"
        "2\n01:00:00,000 --> 100:00:00,500\ngrößer\n"
    )
    assert write_subtitles(cues, "vtt") == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.235\na &amp; b\n&lt;i&gt;\n\n"
        "01:00:00.000 --> 100:00:00.500\ngrößer\n"
    )


def test_words_without_times_and_layouts_without_room_are_refused() -> None:
    with pytest.raises(ValueError, match="expected words with times, got words without"):
        make_cues([Word("a", math.nan, math.nan, 1.0)])
    for fault in ({"max_chars": 0}, {"max_lines": 0}, {"min_cue_s": 9.0}, {"min_cue_s": 0.0}):
        with pytest.raises(ValueError, match="Layout: expected max_chars and max_lines >= 1 and"):
            Layout(**fault)  # type: ignore[arg-type]
