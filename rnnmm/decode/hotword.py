"""Phrases that a search is to listen for: names, products, commands."""

import math
from collections import deque
from collections.abc import Container, Mapping
from dataclasses import dataclass, field

from rnnmm.decode.fusion import Weighted
from rnnmm.decode.lexicon import Spellings, spell
from rnnmm.decode.scorer import AutomatonScorer
from rnnmm.text.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Hotwords:
    """Phrases and what each is worth.

    Args:
        gains: of each phrase, whole words, what every time it is said adds to the rank of an
            answer, > 0; in nats, as language models score. `lint_hotwords` tells which of them can
            never be said.

    Raises:
        ValueError: A gain that is not > 0.
    """

    gains: Mapping[str, float]

    def __post_init__(self) -> None:
        for phrase, gain in self.gains.items():
            if not 0 < gain < math.inf:
                raise ValueError(f"hotword {phrase!r}: expected a gain > 0, got {gain:g}")

    def scorers(self, vocabulary: Vocabulary) -> tuple[Weighted, ...]:
        """Scorers for the tokens ``(K,)`` of a vocabulary."""
        spellings = spell(vocabulary)
        return (Weighted(AutomatonScorer(PhraseAutomaton(self.gains), spellings)),)


@dataclass(slots=True)
class _Node:
    """What has been read of one or more phrases.

    after: longer beginnings. shorter: the longest ending that begins a phrase too. said: gains of
    all phrases that end here. hoped: the share of a gain that has been lent so far.
    """

    after: dict[str, int] = field(default_factory=dict)
    shorter: int = 0
    said: float = 0.0
    hoped: float = 0.0


class PhraseAutomaton:
    """Reads a text by letters; every time a phrase is said in it, as whole words, adds its gain.

    So that a beam keeps them, phrases get their gain bit by bit while they are being said; what
    was lent to one that goes on differently, or not at all, is taken back there. Phrases may
    overlap and be parts of each other.

    Args:
        gains: of each phrase.

    Source: Aho & Corasick, "Efficient string matching: an aid to bibliographic search" (1975).
    """

    def __init__(self, gains: Mapping[str, float]) -> None:
        self._nodes = [_Node()]
        for phrase, gain in gains.items():
            self._add(f" {phrase} ", gain)
        self._link()
        self._start = self._next(0, " ")

    @property
    def start(self) -> int:
        """Behind the space that every text is thought to begin with."""
        return self._start

    def step(self, state: int, letter: str) -> tuple[int, float]:
        """One letter more: what was said, and how much more or less is hoped for."""
        behind = self._next(state, letter)
        node = self._nodes[behind]
        return behind, node.said + node.hoped - self._nodes[state].hoped

    def final(self, state: int) -> float:
        """What ends with the text; all hope does."""
        return self._nodes[self._next(state, " ")].said - self._nodes[state].hoped

    def _add(self, padded: str, gain: float) -> None:
        """Makes the nodes of a phrase with a space at either end."""
        index = 0
        for n, letter in enumerate(padded):
            share = gain * (n - 1) / (len(padded) - 1)  # nothing yet for the first space
            self._nodes[index].hoped = max(self._nodes[index].hoped, share)
            if letter not in self._nodes[index].after:
                self._nodes[index].after[letter] = len(self._nodes)
                self._nodes.append(_Node())
            index = self._nodes[index].after[letter]
        self._nodes[index].said += gain

    def _link(self) -> None:
        """Lets every node know the shorter ones it ends in, shortest first."""
        queue = deque(self._nodes[0].after.values())
        while queue:
            index = queue.popleft()
            node = self._nodes[index]
            for letter, child in node.after.items():
                self._nodes[child].shorter = self._next(node.shorter, letter)
                queue.append(child)
            node.said += self._nodes[node.shorter].said
            node.hoped = max(node.hoped, self._nodes[node.shorter].hoped)

    def _next(self, state: int, letter: str) -> int:
        while letter not in self._nodes[state].after:
            if state == 0:
                return 0
            state = self._nodes[state].shorter
        return self._nodes[state].after[letter]


def lint_hotwords(
    hotwords: Hotwords, vocabulary: Vocabulary, words: Container[str] | None = None
) -> dict[str, str]:
    """Phrases that no answer of a search can hold, and why; empty: all of them may be heard.

    Args:
        hotwords: the phrases.
        vocabulary: ``(K,)`` the tokens of the search.
        words: of a closed vocabulary; None: any may be answered.
    """
    spellings = spell(vocabulary)
    reasons = {phrase: _reason(phrase, spellings, words) for phrase in hotwords.gains}
    return {phrase: reason for phrase, reason in reasons.items() if reason}


def _reason(phrase: str, spellings: Spellings, words: Container[str] | None) -> str | None:
    """Why a phrase cannot be answered; None: it can."""
    if not phrase.split() or phrase != " ".join(phrase.split()):
        return "expected words with one space between them; normalise it as the transcripts are"
    letters = {letter for text in spellings for letter in text or ""}
    if missing := sorted(set(phrase) - letters):
        return (
            f"no token writes {' '.join(map(repr, missing))}; normalise it as the transcripts are"
        )
    if not (_can_write(phrase, spellings) or _can_write(f" {phrase}", spellings)):
        return "the tokens cannot be put together to it"
    outside = [word for word in phrase.split() if words is not None and word not in words]
    if outside:
        return f"{outside[0]!r} is not in the closed vocabulary"
    return None


def _can_write(text: str, spellings: Spellings) -> bool:
    """Whether some tokens, one after the other, write a text."""
    reached = {0}
    for start in range(len(text)):
        if start in reached:
            reached |= {start + len(s) for s in spellings if s and text.startswith(s, start)}
    return len(text) in reached
