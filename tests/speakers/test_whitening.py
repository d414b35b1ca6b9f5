import numpy as np
import pytest

from rnnmm.speakers.whitening import fit_whitening


def voices(num_speakers: int = 200, each: int = 10) -> tuple[np.ndarray, list[int]]:
    """People differ alike in all directions, recordings of one in the last most of all."""
    rng = np.random.default_rng(0)
    speakers = np.repeat(np.arange(num_speakers), each)
    between = rng.standard_normal((num_speakers, 4))[speakers]
    within = rng.standard_normal((len(speakers), 4)) * [0.1, 0.5, 1.0, 5.0]
    return 3.0 + between + within, speakers.tolist()


def within_variances(x: np.ndarray, speakers: list[int]) -> np.ndarray:
    means = np.stack([x[np.array(speakers) == one].mean(0) for one in range(max(speakers) + 1)])
    deviations = x - means[speakers]
    return np.linalg.eigvalsh(deviations.T @ deviations / len(x))


def test_without_shrinkage_all_deviations_are_alike_and_centred() -> None:
    x, speakers = voices()
    centre, matrix = fit_whitening(x, speakers, 0.0)
    white = (x - centre) @ matrix
    np.testing.assert_allclose(white.mean(0), 0, atol=1e-9)
    variances = within_variances(white, speakers)
    np.testing.assert_allclose(variances, variances.mean(), rtol=1e-6)


def test_shrinkage_lies_between_white_and_as_it_was() -> None:
    x, speakers = voices()
    ratios = []
    for shrinkage in (0.0, 0.3, 1.0):
        centre, matrix = fit_whitening(x, speakers, shrinkage)
        variances = within_variances((x - centre) @ matrix, speakers)
        ratios.append(variances[-1] / variances[0])
    assert ratios == sorted(ratios)
    np.testing.assert_allclose(fit_whitening(x, speakers, 1.0).matrix, np.eye(4), atol=1e-9)


@pytest.mark.parametrize("num_speakers", [5, 1])
def test_one_recording_each_leaves_the_centring(num_speakers: int) -> None:
    x = np.random.default_rng(0).standard_normal((num_speakers, 3))
    centre, matrix = fit_whitening(x, range(num_speakers), 0.3)
    np.testing.assert_allclose(centre, x.mean(0))
    np.testing.assert_allclose(matrix, np.eye(3))


def test_fewer_recordings_than_axes_stay_finite() -> None:
    x = np.random.default_rng(0).standard_normal((4, 30))
    assert np.isfinite(fit_whitening(x, [0, 0, 1, 1], 0.0).matrix).all()
