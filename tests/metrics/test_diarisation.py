"""Against counting of small time steps under every mapping of names."""

import itertools
import math

import numpy as np
import pytest

from rnnmm.metrics.diarisation import DiarisationErrors, Turn, count_diarisation_errors

STEP_S = 0.5


def random_turns(rng: np.random.Generator, names: str) -> list[Turn]:
    turns = []
    for _ in range(rng.integers(0, 6)):
        start = rng.integers(0, 16)
        end = start + rng.integers(1, 8)
        turns.append(Turn(start * STEP_S, end * STEP_S, str(rng.choice(list(names)))))
    return turns


def speaking(turns: list[Turn], time: float) -> set[str]:
    return {turn.speaker for turn in turns if turn.start_s <= time < turn.end_s}


def slow_errors(
    reference: list[Turn], answer: list[Turn], collar_s: float
) -> tuple[float, float, float, float]:
    """(missed, false, confused, spoken) in seconds, time step by time step."""
    edges = [time for turn in reference for time in turn[:2]]
    times = [t for t in np.arange(0.125, 14, 0.25) if all(abs(t - e) > collar_s for e in edges)]
    pairs = [(speaking(reference, t), speaking(answer, t)) for t in times]
    ours = sorted({turn.speaker for turn in reference})
    theirs = sorted({turn.speaker for turn in answer})
    theirs += [f"nobody{n}" for n in range(len(ours))]
    right = max(
        sum(len({dict(zip(ours, chosen))[name] for name in r} & h) for r, h in pairs)
        for chosen in itertools.permutations(theirs, len(ours))
    )
    missed = sum(max(0, len(r) - len(h)) for r, h in pairs)
    false = sum(max(0, len(h) - len(r)) for r, h in pairs)
    confused = sum(min(len(r), len(h)) for r, h in pairs) - right
    return tuple(0.25 * n for n in (missed, false, confused, sum(len(r) for r, _ in pairs)))


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("collar_s", [0.0, 0.25])
def test_errors_are_those_of_the_best_mapping(seed: int, collar_s: float) -> None:
    rng = np.random.default_rng(seed)
    reference, answer = random_turns(rng, "abc"), random_turns(rng, "xyz")
    found = count_diarisation_errors(reference, answer, collar_s)
    expected = slow_errors(reference, answer, collar_s)
    assert (found.missed_s, found.false_s, found.confused_s, found.spoken_s) == pytest.approx(
        expected
    )


def test_names_do_not_matter_and_order_neither() -> None:
    turns = [Turn(0, 2, "a"), Turn(1, 3, "b"), Turn(3, 5, "a")]
    renamed = [Turn(start, end, {"a": "b", "b": "a"}[name]) for start, end, name in turns[::-1]]
    assert count_diarisation_errors(turns, renamed).rate == 0


def test_counts_add() -> None:
    one = DiarisationErrors(1, 2, 3, 12)
    total = one + DiarisationErrors(0, 0, 0, 12) + DiarisationErrors()
    assert total == DiarisationErrors(1, 2, 3, 24)
    assert total.rate == 0.25
    assert DiarisationErrors().rate == 0
    assert count_diarisation_errors([], [Turn(0, 1, "a")]).rate == math.inf
    assert count_diarisation_errors([], []) == DiarisationErrors()


def test_what_cannot_be_scored_is_said() -> None:
    with pytest.raises(ValueError, match="expected collar_s >= 0, got -1"):
        count_diarisation_errors([], [], -1)
    for bad in (Turn(1, 1, "a"), Turn(2, 1, "a"), Turn(0, math.inf, "a"), Turn(math.nan, 1, "a")):
        with pytest.raises(ValueError, match="expected a start before an end, got Turn"):
            count_diarisation_errors([Turn(0, 1, "b")], [bad])
