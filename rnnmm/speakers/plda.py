"""Probabilistic linear discriminant analysis: embeddings as a person's voice plus the day's noise.

The two-covariance model: ``x = mean + y + e`` with ``y ~ N(0, B)`` the same in all clips of a
person and ``e ~ N(0, W)`` new in each. Embeddings are projected and given unit length first, which
makes them about as Gaussian as the model wants them.

Source
    Brümmer and de Villiers 2010, "The speaker partitioning problem", Odyssey (the model); Sizov,
    Lee and Kinnunen 2014, "Unifying probabilistic linear discriminant analysis variants in
    biometric authentication", S+SSPR (its EM); Garcia-Romero and Espy-Wilson 2011, "Analysis of
    i-vector length normalization in speaker recognition systems", Interspeech.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from rnnmm.speakers.scoring import Matrix, unit

# How much of a covariance is taken to be alike on all axes: few clips leave some axes empty.
_RIDGE = 1e-4


@dataclass(frozen=True, eq=False)
class Projection:
    """Centre, project to where people differ most, and give unit length.

    Args:
        centre: ``(D,)``.
        axes: ``(D, P)``.
    """

    centre: Matrix
    axes: Matrix

    def __call__(self, embeddings: Matrix) -> Matrix:
        """``(I, D)`` -> ``(I, P)`` of length ``sqrt(P)``, so that a coordinate is about 1."""
        projected = unit((embeddings - self.centre) @ self.axes)
        return np.asarray(projected * np.sqrt(self.axes.shape[1]), np.float64)


@dataclass(frozen=True, eq=False)
class Plda:
    """A fitted model, in coordinates where the noise is white and the voices are independent.

    Args:
        centre: ``(P,)``.
        axes: ``(P, P)`` to those coordinates.
        variances: ``(P,)`` >= 0 of the voices there; the noise has variance 1.
    """

    centre: Matrix
    axes: Matrix
    variances: Matrix

    def log_ratios(self, voices: Matrix, num_clips: NDArray[np.int64], tests: Matrix) -> Matrix:
        """How much more probable each test is from each person than from somebody else.

        Args:
            voices: ``(E, P)`` the mean of each person's projected clips.
            num_clips: ``(E,)`` >= 1, how many clips that mean is of.
            tests: ``(T, P)`` projected clips.

        Returns:
            ``(E, T)`` natural log-likelihood ratios: exact under the model, however many clips.
        """
        n = num_clips[:, None].astype(np.float64)  # (E, 1)
        gain = n * self.variances / (n * self.variances + 1)  # (E, P)
        means = gain * self._moved(voices)  # (E, P) of the voice, given the clips
        known = 1 + self.variances - gain * self.variances  # (E, P) of a further clip
        unknown = 1 + self.variances  # (P,) of anybody's clip
        x = self._moved(tests)  # (T, P)
        distances = (
            (means**2 / known).sum(axis=1)[:, None]
            - 2 * (means / known) @ x.T
            + (1 / known) @ (x**2).T
        )  # (E, T)
        apart = (x**2 / unknown).sum(axis=1)  # (T,)
        sizes = (np.log(unknown) - np.log(known)).sum(axis=1)[:, None]  # (E, 1)
        return np.asarray((sizes + apart - distances) / 2, np.float64)

    def pair_ratios(self, first: Matrix, second: Matrix) -> Matrix:
        """`log_ratios` of one clip with one other, in pairs: ``(I, P)`` each -> ``(I,)``."""
        unknown = 1 + self.variances  # (P,) of anybody's clip
        gain = self.variances / unknown  # (P,)
        known = unknown - gain * self.variances  # (P,) of a further clip
        x, y = self._moved(first), self._moved(second)
        ratios = np.log(unknown / known) + y**2 / unknown - (y - gain * x) ** 2 / known
        return np.asarray(ratios.sum(axis=1) / 2, np.float64)

    def _moved(self, embeddings: Matrix) -> Matrix:
        return np.asarray((embeddings - self.centre) @ self.axes, np.float64)


def fit_projection(
    embeddings: Matrix,
    speakers: Sequence[Hashable],
    output_dim: int,
    shrinkage: float = _RIDGE,
) -> Projection:
    """Linear discriminant analysis.

    Args:
        embeddings: ``(I, D)`` clips.
        speakers: ``(I,)`` who speaks in each.
        output_dim: P, 1..min(D, people - 1).
        shrinkage: > 0..1, how much of the noise is taken to be alike in all directions; 1: all of
            it, as of what is whitened, and the axes are the principal ones of people's means.

    Raises:
        ValueError: Fewer than two people, nobody with two clips, or ``output_dim`` out of range.
    """
    groups = _groups(embeddings, speakers)
    most = min(embeddings.shape[1], len(groups.counts) - 1)
    if not 1 <= output_dim <= most:
        raise ValueError(
            f"LDA: expected 1..{most} output dimensions for {embeddings.shape[1]} of "
            f"{len(groups.counts)} people, got {output_dim}"
        )
    centre = embeddings.mean(axis=0)
    apart = groups.means - centre
    between = (groups.counts[:, None] * apart).T @ apart / len(embeddings)
    _, axes = eigh(between, _within(embeddings, groups, shrinkage))  # rising
    return Projection(centre, axes[:, ::-1][:, :output_dim])


def fit_plda(embeddings: Matrix, speakers: Sequence[Hashable], num_iterations: int = 20) -> Plda:
    """Expectation-maximisation from the moments of the data.

    Args:
        embeddings: ``(I, P)`` projected clips.
        speakers: ``(I,)`` who speaks in each.
        num_iterations: >= 0.

    Raises:
        ValueError: Fewer than two people, or nobody with two clips.
    """
    groups = _groups(embeddings, speakers)
    centre = groups.means.mean(axis=0)
    moved = groups._replace(means=groups.means - centre)
    scatter = (embeddings - centre).T @ (embeddings - centre)
    model = _Covariances(np.cov(moved.means.T, bias=True).reshape(scatter.shape),
                         _within(embeddings, groups))  # fmt: skip
    for _ in range(num_iterations):
        model = _em_step(model, moved, scatter)
    variances, axes = eigh(model.between, model.within)
    return Plda(centre, axes, np.maximum(variances, 0))


class _Covariances(NamedTuple):
    """``(P, P)`` each."""

    between: Matrix
    within: Matrix


class _Groups(NamedTuple):
    """The clips of each of K people: ``(I,)`` whose each is, ``(K,)`` counts, ``(K, D)`` means."""

    places: NDArray[np.int64]
    counts: NDArray[np.int64]
    means: Matrix


def _em_step(model: _Covariances, groups: _Groups, scatter: Matrix) -> _Covariances:
    """One step; the scatter is the sum of all clips' outer products, both about the centre."""
    between, within = np.zeros_like(scatter), scatter.copy()
    for n in np.unique(groups.counts):  # people of as many clips share a posterior covariance
        means = groups.means[groups.counts == n]  # (k, P)
        gain = model.between @ np.linalg.inv(model.between + model.within / n)
        voices = means @ gain.T  # (k, P) expected
        spread = len(means) * (model.between - gain @ model.between)
        second = voices.T @ voices + spread  # the sum of E[y y^T]
        between += second
        cross = n * means.T @ voices
        within += n * second - cross - cross.T
    return _Covariances(_symmetric(between / len(groups.counts)),
                        _symmetric(within / groups.counts.sum()))  # fmt: skip


def _symmetric(matrix: Matrix) -> Matrix:
    return (matrix + matrix.T) / 2


def _within(embeddings: Matrix, groups: _Groups, shrinkage: float = _RIDGE) -> Matrix:
    apart = embeddings - groups.means[groups.places]
    covariance = apart.T @ apart / len(embeddings)
    alike = np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    return np.asarray((1 - shrinkage) * covariance + shrinkage * alike, np.float64)


def _groups(embeddings: Matrix, speakers: Sequence[Hashable]) -> _Groups:
    number: dict[Hashable, int] = {}
    places = np.array([number.setdefault(name, len(number)) for name in speakers], np.int64)
    counts = np.bincount(places)
    if len(counts) < 2 or counts.max() < 2:
        raise ValueError(
            f"discriminant analysis: expected at least two people and one of them in two clips, "
            f"got {len(places)} clips of {len(counts)} people"
        )
    sums = np.zeros((len(counts), embeddings.shape[1]))
    np.add.at(sums, places, embeddings)
    return _Groups(places, counts, sums / counts[:, None])
