"""An n-gram model of words in a search that writes letters."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rnnmm.decode.scorer import IMPOSSIBLE
from rnnmm.text.history import EMPTY, END
from rnnmm.text.ngram import Ngram
from rnnmm.text.pieces import START
from rnnmm.text.vocabulary import UNKNOWN, Vocabulary

Spellings = tuple[str | None, ...]
"""``(K,)``: what each token adds to the text; None: it stands for no text."""


def spell(vocabulary: Vocabulary) -> Spellings:
    """The text that every token writes; what begins a word has the space in front of it."""
    space = " " if vocabulary.unit == "word" else ""
    return tuple(
        None if index < vocabulary.num_specials else space + symbol.replace(START, " ")
        for index, symbol in enumerate(vocabulary.symbols)
    )


@dataclass(frozen=True, slots=True)
class _Trie:
    """Words as a tree of letters; node 0 stands before the first letter.

    children: of each node, by letter. word: that ends at each node, or None.
    """

    children: list[dict[str, int]] = field(default_factory=lambda: [{}])
    word: list[str | None] = field(default_factory=lambda: [None])

    def add(self, word: str) -> None:
        """Makes the nodes a word needs."""
        node = 0
        for letter in word:
            if letter not in self.children[node]:
                self.children[node][letter] = len(self.children)
                self.children.append({})
                self.word.append(None)
            node = self.children[node][letter]
        self.word[node] = word

    def path(self, word: str) -> list[int]:
        """The nodes a word goes through; empty if it is not in the tree."""
        node, nodes = 0, []
        for letter in word:
            if letter not in self.children[node]:
                return []
            node = self.children[node][letter]
            nodes.append(node)
        return nodes if self.word[node] == word else []


def _trie(words: Sequence[str], spellings: Spellings) -> _Trie:
    """The words that can be spelled."""
    trie, letters = _Trie(), {letter for text in spellings for letter in text or ""} - {" "}
    for word in words:
        if letters.issuperset(word):
            trie.add(word)
    if len(trie.word) == 1:
        raise ValueError(
            f"WordAutomaton: expected words of the letters {''.join(sorted(letters))!r}, got none "
            f"among {len(words)} of the n-gram; normalise its text as the transcripts are"
        )
    return trie


class WordAutomaton:
    """Reads a text by letters and scores its words as a word n-gram does.

    A text is words with one space between each two (one may end it); more are impossible. A whole
    text scores what `Ngram.score` says of its words. When a word comes to be scored does not
    change that, but what a beam drops on the way: with ``look_ahead``, every letter is charged
    with how much worse the best word has become that may still follow from it; without, words
    are charged where they end, at a space or the end of the text.

    Args:
        ngram: of words. Where it backs off to more than it gives to a word it has seen (Kneser-Ney
            never does), looking ahead hopes for too much until the word is complete.
        spellings: what tokens can write; words with other letters are left out. Where tokens hold
            the space before them, a text may begin with one.
        look_ahead: charge words as early as they are known.
        unknown_penalty: what each word that the n-gram lacks costs beside the probability of
            "<unk>" (or, without one, that of the rarest word); in nats, before any weight.
        closed: words that the n-gram lacks are impossible, complete or not.

    Raises:
        ValueError: The n-gram has no word that can be spelled.
    """

    def __init__(
        self,
        ngram: Ngram,
        spellings: Spellings,
        look_ahead: bool = True,
        unknown_penalty: float = 10.0,
        closed: bool = False,
    ) -> None:
        self._histories, self._look_ahead, self._closed = ngram.histories, look_ahead, closed
        self._trie = _trie(ngram.words, spellings)
        # Two more nodes: in an unknown word, and before the first letter, where spaces may come.
        self._outside, self._lead = len(self._trie.word), len(self._trie.word) + 1
        self._num_nodes = self._lead + 1
        self._rarest = min(self._histories.followers[EMPTY].values())
        self._penalty = unknown_penalty
        self._unknowns: dict[int, float] = {}
        self._hopes: dict[int, dict[int, float]] = {}
        leads = any(text and text[0] == " " and len(text) > 1 for text in spellings)
        self._start = self._histories.begin * self._num_nodes + (self._lead if leads else 0)

    @property
    def start(self) -> int:
        """In front of the first word."""
        return self._start

    def step(self, state: int, letter: str) -> tuple[int, float]:
        """One letter more; a space ends a word."""
        history, node = divmod(state, self._num_nodes)
        if letter == " ":
            return self._space(history, node)
        child = self._child(node, letter)
        if self._closed and child == self._outside:
            return state, IMPOSSIBLE
        if not self._look_ahead or child == node:
            return state - node + child, 0.0
        return state - node + child, self._charge(history, child) - self._charge(history, node)

    def final(self, state: int) -> float:
        """The end of the word, if one is open, and of the text."""
        history, node = divmod(state, self._num_nodes)
        score = 0.0
        if self._is_in_word(node):
            history, score = self._end_word(history, node)
        return score + self._histories.log_prob(history, END)

    def _child(self, node: int, letter: str) -> int:
        if node == self._outside:
            return node
        return self._trie.children[0 if node == self._lead else node].get(letter, self._outside)

    def _is_in_word(self, node: int) -> bool:
        return node not in (0, self._lead)

    def _space(self, history: int, node: int) -> tuple[int, float]:
        score = IMPOSSIBLE if node == 0 else 0.0
        if self._is_in_word(node):
            history, score = self._end_word(history, node)
        return history * self._num_nodes, score

    def _end_word(self, history: int, node: int) -> tuple[int, float]:
        """The history behind a complete word, and what of its score is still to be charged."""
        word = None if node == self._outside else self._trie.word[node]
        if word is not None:
            score = self._histories.log_prob(history, word)
        else:
            score = IMPOSSIBLE if self._closed else self._unknown(history)
        behind = self._histories.behind(history, word or UNKNOWN)
        return behind, score - self._charge(history, node)

    def _charge(self, history: int, node: int) -> float:
        """What has been charged for a word so far."""
        if not self._look_ahead or not self._is_in_word(node):
            return 0.0
        return self._unknown(history) if node == self._outside else self._hope(history, node)

    def _unknown(self, history: int) -> float:
        """The score of a word that the n-gram lacks."""
        if history not in self._unknowns:
            score = self._histories.log_prob(history, UNKNOWN)
            score = self._rarest if score == IMPOSSIBLE else score
            self._unknowns[history] = score - self._penalty
        return self._unknowns[history]

    def _hope(self, history: int, node: int) -> float:
        """The log-probability of the best word that goes through a node."""
        best, total = IMPOSSIBLE, 0.0
        while True:
            best = max(best, total + self._seen(history).get(node, IMPOSSIBLE))
            if history == EMPTY:
                return best
            total += self._histories.backoff[history]
            history = self._histories.shorter[history]

    def _seen(self, history: int) -> dict[int, float]:
        """Of each node: the best of the words that were seen behind a history."""
        if history not in self._hopes:
            best: dict[int, float] = {}
            for word, score in self._histories.followers[history].items():
                for node in self._trie.path(word):
                    best[node] = max(best.get(node, IMPOSSIBLE), score)
            self._hopes[history] = best
        return self._hopes[history]
