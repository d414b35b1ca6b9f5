"""The histories of an n-gram model as numbers: what a search keeps instead of words."""

import math
from collections.abc import Mapping

from rnnmm.text.vocabulary import UNKNOWN

BEGIN, END = "<s>", "</s>"
LN_10 = math.log(10.0)
EMPTY = 0
"""The history without words."""

Gram = tuple[str, ...]


class Histories:
    """Walks through a back-off model word by word.

    A history is the longest ending of the words so far that the model distinguishes; its number is
    its place among them. Behind texts of the same history, every word has the same probability.

    Args:
        log10_probs: of every n-gram; as `Ngram` has them.
        log10_backoffs: of histories; 0 for those that are left out.
    """

    def __init__(
        self, log10_probs: Mapping[Gram, float], log10_backoffs: Mapping[Gram, float]
    ) -> None:
        self._grams: list[Gram] = [()]
        self._index: dict[Gram, int] = {(): EMPTY}
        for gram in log10_probs:
            self._add(gram[:-1])
        for gram in log10_backoffs:
            self._add(gram)
        self.followers: list[dict[str, float]] = [{} for _ in self._grams]
        """Of each history: natural log-probabilities of the words that were seen behind it."""
        for gram, log10_prob in log10_probs.items():
            if gram != (BEGIN,):
                self.followers[self._index[gram[:-1]]][gram[-1]] = LN_10 * log10_prob
        self.backoff = [LN_10 * log10_backoffs.get(gram, 0.0) for gram in self._grams]
        """Of each history: natural logarithm of the weight of all other words."""
        self.shorter = [self._longest(gram[1:]) for gram in self._grams]
        """Of each history: the next shorter one, which knows of all other words."""
        self._behind: dict[tuple[int, str], int] = {}
        self.begin = self.behind(EMPTY, BEGIN)
        """In front of the first word."""

    def __len__(self) -> int:
        return len(self._grams)

    def log_prob(self, history: int, word: str) -> float:
        """Natural log-probability of a word, or "</s>"; ``-inf``: it lacks it and "<unk>"."""
        word, total = self.known(word), 0.0
        while word not in self.followers[history]:
            if history == EMPTY:
                return -math.inf
            total += self.backoff[history]
            history = self.shorter[history]
        return total + self.followers[history][word]

    def behind(self, history: int, word: str) -> int:
        """The history behind one more word."""
        key = (history, word)
        if key not in self._behind:
            known = word if word == BEGIN else self.known(word)
            self._behind[key] = self._longest((*self._grams[history], known))
        return self._behind[key]

    def known(self, word: str) -> str:
        """The word, or "<unk>" in the place of one that the model lacks."""
        return word if word in self.followers[EMPTY] else UNKNOWN

    def _add(self, gram: Gram) -> None:
        # With its beginnings, so that each can be reached word by word.
        for n in range(1, len(gram) + 1):
            if gram[:n] not in self._index:
                self._index[gram[:n]] = len(self._grams)
                self._grams.append(gram[:n])

    def _longest(self, gram: Gram) -> int:
        while gram not in self._index:
            gram = gram[1:]
        return self._index[gram]
