"""Words that were heard: when, and how surely."""

from collections.abc import Iterable
from typing import NamedTuple

from rnnmm.text.pieces import START
from rnnmm.text.vocabulary import Vocabulary


class Word(NamedTuple):
    """One word of an answer.

    text: without spaces. start_s, end_s: seconds from the beginning of the input; NaN where nobody
    knows how long a step is. confidence: that the word is right, in [0, 1].
    """

    text: str
    start_s: float
    end_s: float
    confidence: float


def locate_words(vocabulary: Vocabulary, indices: Iterable[int]) -> list[tuple[str, list[int]]]:
    """The words that symbols spell, and the places of the symbols that spell each.

    Symbols that stand for no text, spaces and lone marks of a word's beginning belong to no word.

    Args:
        vocabulary: of characters, words or pieces.
        indices: ``(U,)`` into it.

    Returns:
        The words of ``vocabulary.decode(indices)``, in order, each with some of ``0..U-1``.
    """
    words: list[tuple[str, list[int]]] = []
    is_new = True
    for place, index in enumerate(indices):
        text, begins = ("", False)
        if index >= vocabulary.num_specials:
            text, begins = _part(vocabulary, vocabulary.symbols[index])
        is_new |= begins
        if not text:
            continue
        if is_new:
            words.append(("", []))
        spelled, places = words[-1]
        words[-1] = (spelled + text, [*places, place])
        is_new = False
    return words


def _part(vocabulary: Vocabulary, symbol: str) -> tuple[str, bool]:
    """What a symbol adds to a word, and whether a new one begins with, or behind, it."""
    if vocabulary.unit == "piece":
        return symbol.removeprefix(START), symbol.startswith(START)
    if vocabulary.unit == "char":
        return symbol.strip(), symbol.isspace()
    return symbol, True
