"""Subtitles: words to cues that can be read, cues to SubRip (SRT) or WebVTT."""

import html
import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from rnnmm.text.word import Word
from rnnmm.units import seconds_to_samples

Format = Literal["srt", "vtt"]


class Cue(NamedTuple):
    """What is shown at once: from when to when, seconds, and what."""

    start_s: float
    end_s: float
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """How much may be shown at once; the defaults are what broadcasters ask for.

    Args:
        max_chars: of a line; a longer word has a line of its own.
        max_lines: of a cue.
        max_cue_s: the longest a cue is shown.
        min_cue_s: a shorter one is shown for so long, unless the next comes sooner.
        pause_s: a pause from which on what follows is a new cue.

    Raises:
        ValueError: A figure out of range.
    """

    max_chars: int = 42
    max_lines: int = 2
    max_cue_s: float = 7.0
    min_cue_s: float = 1.0
    pause_s: float = 0.7

    def __post_init__(self) -> None:
        if min(self.max_chars, self.max_lines) < 1 or not 0 < self.min_cue_s <= self.max_cue_s:
            raise ValueError(
                f"Layout: expected max_chars and max_lines >= 1 and 0 < min_cue_s <= max_cue_s, "
                f"got {self.max_chars}, {self.max_lines}, {self.min_cue_s:g}, {self.max_cue_s:g}"
            )


def make_cues(words: Sequence[Word], layout: Layout = Layout()) -> list[Cue]:
    """Cuts words into cues, as late as the layout allows.

    Args:
        words: in order; none starts before the one in front of it.
        layout: what a cue may hold.

    Returns:
        Cues in order; together they hold every word once. None overlap, unless a recogniser has
        two words begin at the same moment, and a cue has to end between them.

    Raises:
        ValueError: The words have no times.
    """
    if any(math.isnan(word.start_s) for word in words):
        raise ValueError("subtitles: expected words with times, got words without")
    groups: list[list[Word]] = []
    for word in words:
        if groups and _fits(groups[-1], word, layout):
            groups[-1].append(word)
        else:
            groups.append([word])
    limits = [*(group[0].start_s for group in groups[1:]), math.inf]
    return [_cue(group, limit, layout) for group, limit in zip(groups, limits)]


def write_subtitles(cues: Sequence[Cue], form: Format) -> str:
    """The text of a subtitle file, to be stored as UTF-8."""
    if form == "vtt":
        blocks = [f"{_times(cue, '.')}\n{html.escape(_text(cue), quote=False)}\n" for cue in cues]
        return "\n".join(["WEBVTT\n", *blocks])
    return "\n".join(
        f"{number}\n{_times(cue, ',')}\n{_text(cue)}\n" for number, cue in enumerate(cues, start=1)
    )


def _fits(group: Sequence[Word], word: Word, layout: Layout) -> bool:
    if word.start_s - group[-1].end_s >= layout.pause_s:
        return False
    if word.end_s - group[0].start_s > layout.max_cue_s:
        return False
    lines = _lines([*group, word], layout)
    return len(lines) <= layout.max_lines and all(len(line) <= layout.max_chars for line in lines)


def _cue(group: Sequence[Word], limit_s: float, layout: Layout) -> Cue:
    """Shown from its first word; no longer than until the next cue, which starts at the limit."""
    start_s = group[0].start_s
    shown_s = min(max(group[-1].end_s - start_s, layout.min_cue_s), layout.max_cue_s)
    end_s = start_s + shown_s if limit_s <= start_s else min(start_s + shown_s, limit_s)
    return Cue(start_s, end_s, tuple(_lines(group, layout)))


def _lines(group: Sequence[Word], layout: Layout) -> list[str]:
    text = " ".join(word.text for word in group)
    return textwrap.wrap(
        text, layout.max_chars, break_long_words=False, break_on_hyphens=False
    )  # fmt: skip


def _times(cue: Cue, point: str) -> str:
    return f"{_clock(cue.start_s, point)} --> {_clock(cue.end_s, point)}"


def _clock(time_s: float, point: str) -> str:
    """Hours, minutes, seconds and milliseconds; hours may have more than two digits."""
    seconds, ms = divmod(seconds_to_samples(time_s, 1000), 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{point}{ms:03d}"


def _text(cue: Cue) -> str:
    return "\n".join(cue.lines)
