"""N-gram models as scorers, by their settings in a config."""

from collections.abc import Iterable
from dataclasses import dataclass

from rnnmm.decode.fusion import Weighted
from rnnmm.decode.lexicon import WordAutomaton, spell
from rnnmm.decode.scorer import AutomatonScorer
from rnnmm.domain import NotNegative, Size
from rnnmm.text.history import END
from rnnmm.text.ngram import Ngram, fit_ngram
from rnnmm.text.vocabulary import Vocabulary

SPACE = "\u2581"
"""Stands for a space inside a token's name, since names are parted by spaces in ARPA files."""


@dataclass(frozen=True, slots=True)
class WordFusion:
    """An n-gram model of words beside a model of characters or other pieces of text.

    Args:
        order: of the n-gram, in words.
        weight: of its natural log-probabilities.
        word_bonus: added for every word.
        unknown_penalty: see `WordAutomaton`.
        closed: only words of the n-gram may be answered.
        look_ahead: see `WordAutomaton`.
    """

    order: Size = 3
    weight: NotNegative = 0.5
    word_bonus: float = 0.0
    unknown_penalty: NotNegative = 10.0
    closed: bool = False
    look_ahead: bool = True

    def learn(self, texts: Iterable[str], vocabulary: Vocabulary) -> tuple[Weighted, ...]:
        """Scorers that know the words of some texts.

        Args:
            texts: normalised as the transcripts are.
            vocabulary: ``(K,)`` the tokens of the search.

        Raises:
            ValueError: As `fit_ngram` and `WordAutomaton` do.
        """
        return self.scorers(fit_ngram((text.split() for text in texts), self.order), vocabulary)

    def scorers(self, ngram: Ngram, vocabulary: Vocabulary) -> tuple[Weighted, ...]:
        """Scorers of an n-gram that is there already; its order counts, not this one's.

        Raises:
            ValueError: As `WordAutomaton` does.
        """
        spellings = spell(vocabulary)
        words = WordAutomaton(ngram, spellings, self.look_ahead, self.unknown_penalty, self.closed)
        found = (Weighted(AutomatonScorer(words, spellings), self.weight),)
        if not self.word_bonus:
            return found
        return (*found, Weighted(AutomatonScorer(WordCount(), spellings), self.word_bonus))


@dataclass(frozen=True, slots=True)
class TokenFusion:
    """An n-gram model of the search's own tokens.

    Args:
        order: of the n-gram, in tokens.
        weight: of its natural log-probabilities.
    """

    order: Size = 6
    weight: NotNegative = 0.5

    def learn(self, texts: Iterable[str], vocabulary: Vocabulary) -> tuple[Weighted, ...]:
        """Scorers that know the token sequences of some texts.

        Args:
            texts: normalised as the transcripts are; of symbols in the vocabulary.
            vocabulary: ``(K,)`` the tokens of the search.

        Raises:
            ValueError: As `fit_ngram` and `Vocabulary.encode` do.
        """
        names = name_tokens(vocabulary)
        sentences = ([names[token] or "" for token in vocabulary.encode(text)] for text in texts)
        return self.scorers(fit_ngram(sentences, self.order), vocabulary)

    def scorers(self, ngram: Ngram, vocabulary: Vocabulary) -> tuple[Weighted, ...]:
        """Scorers of an n-gram that is there already; its words are those of `name_tokens`."""
        letters = [None if name is None else (name,) for name in name_tokens(vocabulary)]
        return (Weighted(AutomatonScorer(NgramAutomaton(ngram), letters), self.weight),)


def name_tokens(vocabulary: Vocabulary) -> list[str | None]:
    """``(K,)``: each token as a word of an n-gram, spaces shown; None for those without text."""
    return [
        None if index < vocabulary.num_specials else symbol.replace(" ", SPACE)
        for index, symbol in enumerate(vocabulary.symbols)
    ]


class NgramAutomaton:
    """Reads the words of an n-gram, whole ones."""

    def __init__(self, ngram: Ngram) -> None:
        self._histories = ngram.histories

    @property
    def start(self) -> int:
        """In front of the first word."""
        return self._histories.begin

    def step(self, state: int, letter: str) -> tuple[int, float]:
        """One word more."""
        score = self._histories.log_prob(state, letter)
        return self._histories.behind(state, letter), score

    def final(self, state: int) -> float:
        """The log-probability of an end."""
        return self._histories.log_prob(state, END)


class WordCount:
    """Counts words: one for the first letter of each."""

    start = 0

    def step(self, state: int, letter: str) -> tuple[int, float]:
        """States: 1 inside a word, 0 outside."""
        return (0, 0.0) if letter == " " else (1, 1.0 - state)

    def final(self, state: int) -> float:
        """An end is worth nothing."""
        return 0.0
