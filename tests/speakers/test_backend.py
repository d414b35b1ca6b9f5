"""Pairs against the same scores as matrices, one voice of one clip against each."""

import itertools

import numpy as np
import pytest

from rnnmm.metrics.verification import eer
from rnnmm.speakers import backend as module
from rnnmm.speakers.backend import SCORINGS, Backend, Scoring, fit_backend, score_pairs
from rnnmm.speakers.plda import Plda
from rnnmm.speakers.scoring import Scorer, cosine_scores, mean_voice, unit
from rnnmm.speakers.trials import all_pairs

DIM = 8


def clips(people: int, each: int, seed: int, noise: float = 0.8) -> tuple[np.ndarray, list[str]]:
    rng = np.random.default_rng(seed)
    voices = np.repeat(rng.standard_normal((people, DIM)), each, axis=0)
    names = [f"s{n:02d}" for n in range(people) for _ in range(each)]
    return voices + noise * rng.standard_normal(voices.shape) + 0.3, names


def fitted(people: int = 25) -> Backend:
    return fit_backend(*clips(people, 4, 1))


def brute_force(backend: Backend, scoring: Scoring, tests: np.ndarray) -> np.ndarray:
    """``(J, J)``."""
    if scoring == "cosine":
        return cosine_scores(tests, tests)
    if scoring == "as_norm":
        return Scorer(backend.cohort).scores(unit(tests), tests)
    projected = backend.projection(tests)
    return backend.plda.log_ratios(projected, np.ones(len(tests), np.int64), projected)


@pytest.mark.parametrize("people", [25, 6])
@pytest.mark.parametrize("scoring", SCORINGS)
def test_pairs_score_as_voices_of_one_clip(
    scoring: Scoring, people: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BLOCK", 5)
    backend, (tests, names) = fitted(people), clips(4, 3, 2)
    first, second = all_pairs(names).enrolled, all_pairs(names).tests
    compare = backend.comparison(scoring, tests)
    expected = brute_force(backend, scoring, tests)
    assert score_pairs(compare, first, second) == pytest.approx(expected[first, second])
    assert compare(second, first) == pytest.approx(compare(first, second)), "which is enrolled"


@pytest.mark.parametrize("scoring", SCORINGS)
def test_other_clips_change_no_score(scoring: Scoring) -> None:
    backend, (tests, _) = fitted(), clips(4, 3, 2)
    together = backend.comparison(scoring, tests)
    for i, j in itertools.combinations(range(len(tests)), 2):
        alone = backend.comparison(scoring, tests[[j, i]])
        one, other = np.array([1]), np.array([0])
        assert alone(one, other) == pytest.approx(together(np.array([i]), np.array([j])))


@pytest.mark.parametrize("scoring", SCORINGS)
def test_strangers_are_told_apart(scoring: Scoring) -> None:
    tests, names = clips(20, 3, 3, noise=0.4)
    pairs = all_pairs(names)
    compare = fitted().comparison(scoring, tests)
    scores = score_pairs(compare, pairs.enrolled, pairs.tests)
    assert eer(scores[pairs.is_target], scores[~pairs.is_target]) < 0.1


def test_the_cohort_are_the_mean_voices_of_the_training() -> None:
    embeddings, names = clips(5, 3, 1)
    expected = [mean_voice(embeddings[np.array(names) == name]) for name in sorted(set(names))]
    order = np.random.default_rng(0).permutation(len(names))
    found = fit_backend(embeddings[order], [names[i] for i in order])
    assert found.cohort == pytest.approx(np.array(expected))


def test_what_is_kept_comes_back() -> None:
    tests = clips(4, 3, 2)[0]
    first, second = np.triu_indices(len(tests), 1)
    backend = fitted()
    again = Backend.from_arrays(backend.arrays())
    assert again.known == backend.known == SCORINGS
    for scoring in SCORINGS:
        scores = [one.comparison(scoring, tests)(first, second) for one in (backend, again)]
        assert np.array_equal(*scores)
    assert isinstance(again.plda, Plda)


@pytest.mark.parametrize(
    ("embeddings", "names"),
    [
        (np.eye(3), ["ann", "bob", "cy"]),  # nobody has two clips
        (np.ones((4, 3)), ["ann", "ann", "bob", "bob"]),  # all alike
        (np.ones((2, 3)), ["ann", "ann"]),
    ],
)
def test_where_plda_cannot_be_fitted_the_rest_can_be_had(
    embeddings: np.ndarray, names: list[str]
) -> None:
    backend = fit_backend(embeddings, names)
    assert backend.known == ("cosine", "as_norm")
    assert Backend.from_arrays(backend.arrays()).known == backend.known
    assert Backend.from_arrays({}).known == ("cosine",)
