"""What may have a say in a search, beside the model that hears: language models and the like."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

State = tuple[Tensor, ...]
"""Where N hypotheses stand: tensors of N rows each, on any device, read by their scorer alone."""

IMPOSSIBLE = -torch.inf
_MOST_SCORES = 2**24  # kept by one scorer from search to search: 256 MB with what follows each


class Scorer(Protocol):
    """Gives every next token of a hypothesis a score, and its end another.

    A hypothesis' score is the sum over its tokens and its end: natural log-probabilities of a
    language model, or any other gains. It depends on the tokens alone. ``-inf`` forbids. A state
    is a value: nothing is changed in place, and any rows of it can be taken and put together anew.
    """

    def initial_state(self, batch_size: int) -> State:
        """The state of N hypotheses without tokens."""
        ...

    def scores(self, state: State) -> Tensor:
        """``(N, K)``: of each token, if it came next; that of the blank is not read."""
        ...

    def advance(self, state: State, tokens: Tensor) -> State:
        """The state behind one more token each, ``(N,)`` int64."""
        ...

    def final_scores(self, state: State) -> Tensor:
        """``(N,)``: of each hypothesis, if it ended here."""
        ...


class Automaton(Protocol):
    """Reads a hypothesis letter by letter; states are integers >= 0.

    What a letter is, is between the automaton and the spellings given to `AutomatonScorer`: a
    character of the text, or a whole token.
    """

    @property
    def start(self) -> int:
        """The state before the first letter."""
        ...

    def step(self, state: int, letter: str) -> tuple[int, float]:
        """The state behind one more letter, and the score of that; ``-inf``: it may not come."""
        ...

    def final(self, state: int) -> float:
        """The score of an end here."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class _Branch:
    """Tokens as a tree of their letters, so that what they share is read once."""

    tokens: list[int] = field(default_factory=list)
    following: dict[str, "_Branch"] = field(default_factory=dict)


class AutomatonScorer:
    """Scores tokens by what an automaton says of their letters.

    The scores of all tokens in one state are worked out when it is first met, and kept: a search
    then reads tables. The tables grow with the states visited, and are begun anew before a search
    when they have grown too large; neither changes a result.

    Args:
        automaton: who scores.
        spellings: ``(K,)`` the letters that each token writes; None: it may not be written.
    """

    def __init__(self, automaton: Automaton, spellings: Sequence[Sequence[str] | None]) -> None:
        self.automaton = automaton
        self._tree = _Branch()
        for token, letters in enumerate(spellings):
            if letters is not None:
                _branch(self._tree, letters).tokens.append(token)
        self._begin_tables(len(spellings))

    def _begin_tables(self, num_tokens: int) -> None:
        self._rows: dict[int, int] = {}  # state -> its row of the tables
        self._scores = np.full((64, num_tokens), IMPOSSIBLE)
        self._following = np.zeros((64, num_tokens), dtype=np.int64)
        self._final = np.zeros(64)

    def initial_state(self, batch_size: int) -> State:
        """``(N,)``: states of the automaton, on the CPU."""
        if self._scores.size > _MOST_SCORES:
            self._begin_tables(self._scores.shape[1])
        return (torch.full((batch_size,), self.automaton.start),)

    def scores(self, state: State) -> Tensor:
        """``(N, K)`` float64, on the CPU."""
        rows = self._find(state)  # first: it may put larger tables in place
        return torch.from_numpy(self._scores[rows])

    def advance(self, state: State, tokens: Tensor) -> State:
        """Behind a token that may not come, any state."""
        rows = self._find(state)
        return (torch.from_numpy(self._following[rows, tokens.cpu().numpy()]),)

    def final_scores(self, state: State) -> Tensor:
        """``(N,)`` float64, on the CPU."""
        rows = self._find(state)
        return torch.from_numpy(self._final[rows])

    def _find(self, state: State) -> list[int]:
        """The rows of some states, filled where they are new."""
        states = state[0].tolist()
        for one in states:
            if one not in self._rows:
                self._fill(one)
        return [self._rows[one] for one in states]

    def _fill(self, state: int) -> None:
        row = len(self._rows)
        if row == len(self._final):
            self._grow()
        found: list[tuple[int, float, int]] = []
        _spell(self.automaton.step, self._tree, state, 0.0, found)
        for token, score, following in found:
            self._scores[row, token] = score
            self._following[row, token] = following
        self._final[row] = self.automaton.final(state)
        self._rows[state] = row

    def _grow(self) -> None:
        """Doubles the tables; whoever was given rows of the old ones holds copies."""
        more = np.full_like(self._scores, IMPOSSIBLE)
        self._scores = np.concatenate([self._scores, more])
        self._following = np.concatenate([self._following, np.zeros_like(self._following)])
        self._final = np.concatenate([self._final, np.zeros_like(self._final)])


def _branch(tree: _Branch, letters: Sequence[str]) -> _Branch:
    for letter in letters:
        tree = tree.following.setdefault(letter, _Branch())
    return tree


def _spell(
    step: Callable[[int, str], tuple[int, float]],
    tree: _Branch,
    state: int,
    score: float,
    found: list[tuple[int, float, int]],
) -> None:
    """Collects (token, score, state behind it) of every token that may come."""
    found.extend((token, score, state) for token in tree.tokens)
    for letter, branch in tree.following.items():
        behind, gain = step(state, letter)
        if gain > IMPOSSIBLE:
            _spell(step, branch, behind, score + gain, found)
