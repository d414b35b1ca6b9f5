import math
from itertools import combinations, pairwise

import numpy as np
import pytest

from rnnmm.decode.shots import ShotRule, find_shots


def scatter(vectors: np.ndarray) -> float:
    return float(np.square(vectors - vectors.mean(axis=0)).sum())


def by_brute_force(vectors: np.ndarray, longest: int, most: int, penalty: float) -> list:
    """Every way to cut, the cheapest first found with the fewest cuts."""
    vectors = vectors - vectors.mean(axis=0)
    vectors /= max(math.sqrt(scatter(vectors) / len(vectors)), 1e-9)
    steps, best, answer = len(vectors), math.inf, []
    for number in range(most):
        for cuts in combinations(range(1, steps), number):
            edges = [0, *cuts, steps]
            runs = list(pairwise(edges))
            if max(end - start for start, end in runs) > longest:
                continue
            cost = sum(scatter(vectors[start:end]) for start, end in runs) / steps
            if number:
                cost += penalty * number / (2 * steps) * (math.log(steps / number) + 1)
            if cost < best - 1e-12:
                best, answer = cost, runs
    return answer


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(("mean_s", "longest_s", "penalty"), [(1, 9, 0.3), (2, 3, 0.1), (1, 4, 0)])
def test_it_finds_what_trying_all_cuts_finds(
    seed: int, mean_s: float, longest_s: float, penalty: float
) -> None:
    rng = np.random.default_rng(seed)
    steps = int(rng.integers(1, 10))
    vectors = (
        rng.standard_normal((steps, 3)) + 2 * rng.standard_normal((3, 3))[np.arange(steps) // 4]
    )
    found = find_shots(vectors, 1.0, ShotRule(mean_s, longest_s, penalty))
    most = math.ceil(steps / mean_s)
    assert found.tolist() == [
        list(run) for run in by_brute_force(vectors, int(longest_s), most, penalty)
    ]


def test_scenes_are_found_where_they_change() -> None:
    rng = np.random.default_rng(0)
    scenes = np.repeat(rng.standard_normal((3, 16)), [10, 25, 7], axis=0)
    noisy = scenes + 0.05 * rng.standard_normal(scenes.shape)
    assert find_shots(noisy, 2.0).tolist() == [[0, 10], [10, 35], [35, 42]]
    assert find_shots(3 * noisy + 9, 2.0).tolist() == [[0, 10], [10, 35], [35, 42]]


def test_noise_is_not_cut() -> None:
    noise = np.random.default_rng(0).standard_normal((60, 64))
    assert find_shots(noise, 2.0).tolist() == [[0, 60]]


def test_what_never_changes_is_one_shot_unless_that_is_too_long() -> None:
    still = np.ones((20, 4))
    assert find_shots(still, 1.0).tolist() == [[0, 20]]
    cut = find_shots(still, 1.0, ShotRule(longest_s=8.0))
    assert len(cut) == 3 and (cut[:, 1] - cut[:, 0]).max() <= 8
    assert cut[0, 0] == 0 and cut[-1, 1] == 20 and (cut[1:, 0] == cut[:-1, 1]).all()


def test_a_longest_shot_below_the_mean_is_refused() -> None:
    with pytest.raises(ValueError, match="longest_s >= mean_s, got longest_s=1 and mean_s=2"):
        ShotRule(mean_s=2.0, longest_s=1.0)
