"""Against Gaussians over stacked clips, and against voices whose covariances are known."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from rnnmm.metrics.verification import cllr, eer, min_cllr
from rnnmm.speakers.plda import Plda, fit_plda, fit_projection


def covariance(dim: int, seed: int, scale: float) -> np.ndarray:
    root = np.random.default_rng(seed).normal(size=(dim, dim))
    return scale * (root @ root.T / dim + 0.2 * np.eye(dim))


def people(
    num_people: int, num_clips: int, seed: int, dim: int = 3
) -> tuple[np.ndarray, list[int], np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    between, within = covariance(dim, 1, 2.0), covariance(dim, 2, 0.5)
    voices = rng.multivariate_normal(np.ones(dim), between, num_people)
    speakers = np.repeat(np.arange(num_people), num_clips)
    clips = voices[speakers] + rng.multivariate_normal(np.zeros(dim), within, len(speakers))
    return clips, speakers.tolist(), between, within


def in_given_space(model: Plda) -> tuple[np.ndarray, np.ndarray]:
    """(between, within) covariances of what the model was fitted on."""
    back = np.linalg.inv(model.axes)
    return back.T @ np.diag(model.variances) @ back, back.T @ back


@pytest.mark.parametrize("num_clips", [1, 2, 4])
def test_log_ratios_are_those_of_stacked_gaussians(num_clips: int) -> None:
    clips, speakers, *_ = people(40, 4, 0)
    model = fit_plda(clips, speakers, 3)
    between, within = in_given_space(model)
    enrolled, tests = clips[:num_clips], clips[[5, 17, 90]]
    # All clips of one person share y: every block of the covariance has B, the diagonal W too.
    same = np.kron(np.ones((num_clips + 1,) * 2), between) + np.kron(np.eye(num_clips + 1), within)
    alone = np.kron(np.ones((num_clips,) * 2), between) + np.kron(np.eye(num_clips), within)
    mean = model.centre
    expected = []
    for test in tests:
        stacked = np.concatenate([*enrolled, test]) - np.tile(mean, num_clips + 1)
        together = multivariate_normal.logpdf(stacked, cov=same)
        apart = multivariate_normal.logpdf(stacked[: -len(mean)], cov=alone)
        apart += multivariate_normal.logpdf(test - mean, cov=between + within)
        expected.append(together - apart)
    found = model.log_ratios(enrolled.mean(axis=0)[None], np.array([num_clips]), tests)
    assert found == pytest.approx(np.array([expected]))


def test_pairs_are_voices_of_one_clip() -> None:
    clips, speakers, *_ = people(40, 4, 0)
    model = fit_plda(clips, speakers, 3)
    expected = model.log_ratios(clips[:9], np.ones(9, np.int64), clips[5:14]).diagonal()
    assert model.pair_ratios(clips[:9], clips[5:14]) == pytest.approx(expected)
    assert model.pair_ratios(clips[5:14], clips[:9]) == pytest.approx(expected)


def log_likelihood(model: Plda, clips: np.ndarray, num_clips: int) -> float:
    between, within = in_given_space(model)
    joint = np.kron(np.ones((num_clips,) * 2), between) + np.kron(np.eye(num_clips), within)
    stacked = (clips - model.centre).reshape(-1, num_clips * clips.shape[1])
    return float(multivariate_normal.logpdf(stacked, cov=joint).sum())


def test_every_iteration_is_more_likely() -> None:
    clips, speakers, *_ = people(30, 3, 1)
    steps = [log_likelihood(fit_plda(clips, speakers, n), clips, 3) for n in range(8)]
    assert (np.diff(steps) > -1e-6).all()
    assert steps[-1] > steps[0]


def test_known_covariances_are_found_also_from_unequal_counts() -> None:
    clips, speakers, between, within = people(1500, 4, 2)
    kept = np.arange(len(clips)) % 8 != 1  # every other person has three
    model = fit_plda(clips[kept], np.array(speakers)[kept].tolist(), 30)
    found = in_given_space(model)
    assert found[0] == pytest.approx(between, abs=0.3)
    assert found[1] == pytest.approx(within, abs=0.05)


def test_log_ratios_are_calibrated_where_the_model_holds() -> None:
    clips, speakers, *_ = people(300, 2, 3)
    model = fit_plda(clips, speakers)
    ratios = model.log_ratios(clips[::2], np.ones(300, np.int64), clips[1::2])
    is_same = np.eye(300, dtype=bool)
    targets, nontargets = ratios[is_same], ratios[~is_same]
    assert cllr(targets, nontargets) - min_cllr(targets, nontargets) < 0.05
    assert eer(targets, nontargets) < 0.3


def test_projection_finds_the_axis_on_which_people_differ() -> None:
    rng = np.random.default_rng(4)
    speakers = np.repeat(np.arange(10), 20)
    clips = rng.normal(size=(200, 3)) * [10, 1, 10] + 3
    clips[:, 1] += 5 * speakers
    projection = fit_projection(clips, speakers.tolist(), 1)
    axis = np.abs(projection.axes[:, 0]) * [10, 1, 10]
    assert axis.argmax() == 1
    wide = fit_projection(clips, speakers.tolist(), 2)
    assert np.linalg.norm(wide(clips), axis=1) == pytest.approx(np.sqrt(2))


def test_noise_that_is_alike_everywhere_leaves_the_axes_of_the_means() -> None:
    rng = np.random.default_rng(6)
    speakers = np.repeat(np.arange(10), 4)
    clips = rng.normal(size=(40, 3)) * [9, 1, 1] + rng.normal(size=(10, 3))[speakers] * [1, 4, 2]
    axis = fit_projection(clips, speakers.tolist(), 1, shrinkage=1.0).axes[:, 0]
    means = np.stack([clips[speakers == one].mean(axis=0) for one in range(10)])
    first = np.linalg.svd(means - means.mean(axis=0))[2][0]
    assert abs(axis @ first) / np.linalg.norm(axis) == pytest.approx(1)
    own = fit_projection(clips, speakers.tolist(), 1).axes[:, 0]
    assert abs(own @ first) / np.linalg.norm(own) < 0.9


def test_what_cannot_be_fitted_is_said() -> None:
    clips = np.random.default_rng(5).normal(size=(4, 3))
    for speakers in ("aaaa", "abcd"):
        with pytest.raises(ValueError, match=r"two people and one of them in two clips, got 4"):
            fit_plda(clips, speakers)
    for size in (0, 2):
        with pytest.raises(ValueError, match=rf"expected 1\.\.1 output dimensions.*got {size}"):
            fit_projection(clips, "aabb", size)
