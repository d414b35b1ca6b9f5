import math

import numpy as np
import pytest

from rnnmm.speakers.scoring import (
    Scorer,
    as_norm,
    common_offset,
    cosine_scores,
    mean_voice,
    unit,
)


def rows(count: int, dim: int = 4, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, dim)) + 0.5


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / math.sqrt((a @ a) * (b @ b)))


def test_cosines_are_those_of_the_definition() -> None:
    enrolled, tests = rows(3), rows(5, seed=1)
    expected = [[cosine(e, t) for t in tests] for e in enrolled]
    assert cosine_scores(enrolled, tests) == pytest.approx(np.array(expected))


def test_only_directions_count() -> None:
    enrolled, tests = rows(3), rows(5, seed=1)
    scorer = Scorer(rows(30, seed=2))
    scaled = scorer.scores(enrolled, tests * 7)
    assert scaled == pytest.approx(scorer.scores(enrolled, tests))
    assert unit(np.zeros((1, 3))).tolist() == [[0, 0, 0]]


def test_each_clip_of_a_voice_counts_alike() -> None:
    clips = rows(3)
    louder = clips * np.array([[1], [10], [100]])
    assert mean_voice(louder) == pytest.approx(mean_voice(clips))
    assert mean_voice(clips[:1]) == pytest.approx(unit(clips[:1])[0])


def test_as_norm_by_hand() -> None:
    scores = np.array([[0.5]])
    enrolled, tests = np.array([[0.1, 0.3, -5.0]]), np.array([[0.2, -0.2, -9.0]])
    expected = ((0.5 - 0.2) / 0.1 + (0.5 - 0.0) / 0.2) / 2
    assert as_norm(scores, enrolled, tests, 2) == pytest.approx(np.array([[expected]]))


def test_a_cohort_centres_and_a_large_one_levels() -> None:
    enrolled, tests, cohort = rows(3), rows(5, seed=1), rows(25, seed=2)
    centre = unit(cohort).mean(axis=0)
    e, t, c = enrolled - centre, unit(tests) - centre, unit(cohort) - centre
    assert Scorer(np.zeros((0, 4))).scores(enrolled, tests) == pytest.approx(
        cosine_scores(enrolled, tests)
    )
    few = unit(cohort[:19]).mean(axis=0)
    assert Scorer(cohort[:19]).scores(enrolled, tests) == pytest.approx(
        cosine_scores(enrolled - few, unit(tests) - few)
    )
    levelled = as_norm(cosine_scores(e, t), cosine_scores(e, c), cosine_scores(t, c), 10)
    assert Scorer(cohort, 10).scores(enrolled, tests) == pytest.approx(levelled)


def test_a_spread_of_nothing_is_no_division_by_zero() -> None:
    flat = np.full((1, 3), 0.4)
    assert np.isfinite(as_norm(np.ones((1, 1)), flat, flat, 3)).all()


def test_what_voices_share_is_nearly_all_of_a_long_way() -> None:
    cohort, far = rows(40), rows(5, seed=1) + np.array([30.0, 0, 0, 0])
    way = far.mean(axis=0) - cohort.mean(axis=0)
    share = common_offset(far, cohort) @ way / (way @ way)
    assert 0.99 < share < 1
    assert common_offset(far, cohort) == pytest.approx(share * way)


def test_voices_recorded_alike_share_next_to_nothing() -> None:
    cohort = rows(40, dim=60)
    ways, shares = [], []
    for seed in range(2, 202):
        alike = rows(5, dim=60, seed=seed)
        ways.append(np.linalg.norm(alike.mean(axis=0) - cohort.mean(axis=0)))
        shares.append(np.linalg.norm(common_offset(alike, cohort)))
    assert min(shares) == 0  # nothing is taken off the other way
    assert np.mean(shares) < 0.1 * np.mean(ways)


def test_sides_may_be_off_the_cohort() -> None:
    cohort, voices, tests = rows(8), rows(3, seed=1), unit(rows(5, seed=2))
    here, there = rows(2, seed=3)
    middle = unit(cohort).mean(axis=0)
    found = Scorer(cohort).scores(voices, tests, here, there)
    assert found == pytest.approx(cosine_scores(voices - middle - here, tests - middle - there))
