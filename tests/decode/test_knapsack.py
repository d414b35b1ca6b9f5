from itertools import product

import numpy as np
import pytest

from rnnmm.decode.knapsack import choose_shots, covered, pack


@pytest.mark.parametrize("seed", range(25))
def test_it_packs_as_well_as_trying_all_choices(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(0, 9))
    values, weights = rng.random(count).round(2), rng.integers(1, 9, count)
    capacity = int(rng.integers(0, 20))
    chosen = pack(values, weights, capacity)
    assert weights[chosen].sum() <= capacity
    best = max(
        values[list(choice)].sum()
        for bits in product([False, True], repeat=count)
        if weights[list(choice := np.flatnonzero(bits))].sum() <= capacity
    )
    assert values[chosen].sum() == pytest.approx(best)


def test_things_worth_nothing_and_things_too_heavy_stay_out() -> None:
    chosen = pack(np.array([0.0, 1.0, 9.0]), np.array([1, 2, 5]), 4)
    assert chosen.tolist() == [False, True, False]


def test_shots_are_worth_their_mean_and_fill_the_share() -> None:
    importance = np.array([0.9] * 2 + [0.5] * 8 + [0.8] * 2 + [0.0] * 8)
    shots = np.array([[0, 2], [2, 10], [10, 12], [12, 20]])
    assert choose_shots(importance, shots, 0.2).tolist() == [True, False, True, False]
    assert choose_shots(importance, shots, 0.1).tolist() == [True, False, False, False]
    assert not choose_shots(importance, shots, 0.05).any()


def test_runs_cover_their_frames() -> None:
    spans = np.array([[3, 5], [4, 6], [-2, 1], [8, 12]])
    assert covered(spans, 10).nonzero()[0].tolist() == [0, 3, 4, 5, 8, 9]
    assert not covered(spans[:0], 4).any()
