import pytest
import torch

from rnnmm.decode import scorer as module
from rnnmm.decode.scorer import AutomatonScorer, Scorer


class Counting:
    """State: how many letters; "b" scores that many, and "c" may not come behind two."""

    start = 0

    def step(self, state: int, letter: str) -> tuple[int, float]:
        forbidden = letter == "c" and state == 2
        return state + 1, -torch.inf if forbidden else state * (letter == "b")

    def final(self, state: int) -> float:
        return 100.0 * state


SPELLINGS = (None, "a", "b", "c", "ab", "abb", "", "bc")


def test_a_token_scores_what_its_letters_do() -> None:
    scorer: Scorer = AutomatonScorer(Counting(), SPELLINGS)
    state = scorer.initial_state(2)
    never = -torch.inf
    assert scorer.scores(state).tolist() == [[never, 0, 0, 0, 1, 3, 0, 0]] * 2
    state = scorer.advance(state, torch.tensor([4, 1]))  # "ab", "a"
    assert scorer.scores(state).tolist() == [
        [never, 0, 2, never, 3, 7, 0, 2],
        [never, 0, 1, 0, 2, 5, 0, never],
    ]
    assert scorer.final_scores(state).tolist() == [200.0, 100.0]


def test_a_state_is_a_value() -> None:
    scorer = AutomatonScorer(Counting(), SPELLINGS)
    state = scorer.initial_state(1)
    before = scorer.scores(state)
    for _ in range(300):  # the tables grow on the way
        state = scorer.advance(state, torch.tensor([1]))
        scorer.scores(state)[:] = 0.0  # no view of the tables
    again = scorer.initial_state(1)
    assert torch.equal(scorer.scores(again), before)
    assert scorer.final_scores(state).tolist() == [30000.0]


def test_what_was_asked_before_changes_no_answer() -> None:
    first, second = (AutomatonScorer(Counting(), SPELLINGS) for _ in range(2))
    state = (torch.tensor([70, 3, 9]),)
    for n in range(200):
        first.scores((torch.tensor([n]),))
    assert torch.equal(first.scores(state), second.scores(state))
    following = [one.advance(state, torch.tensor([5, 2, 1]))[0] for one in (first, second)]
    assert torch.equal(*following)


def test_tables_that_grew_too_large_are_begun_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_SCORES", 64 * len(SPELLINGS))
    scorer = AutomatonScorer(Counting(), SPELLINGS)
    state = scorer.initial_state(1)
    for _ in range(100):
        state = scorer.advance(state, torch.tensor([1]))
    expected = scorer.scores(state)
    scorer.initial_state(1)
    assert scorer._scores.size == 64 * len(SPELLINGS)
    assert torch.equal(scorer.scores(state), expected)
