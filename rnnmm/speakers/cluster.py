"""Clips into people, without knowing anybody: agglomerative clustering."""

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist

from rnnmm.speakers.scoring import Matrix, unit


def cluster_by_similarity(embeddings: Matrix, min_cosine: float) -> NDArray[np.int64]:
    """Joins groups as long as the mean cosine between their clips is at least this.

    Args:
        embeddings: ``(I, D)``, I >= 0.
        min_cosine: in [-1, 1].

    Returns:
        ``(I,)`` 0, 1, ... numbered by first appearance.

    Raises:
        ValueError: ``min_cosine`` out of range.
    """
    if not -1 <= min_cosine <= 1:
        raise ValueError(f"clustering: expected -1 <= min_cosine <= 1, got {min_cosine}")
    if len(embeddings) < 2:
        return np.zeros(len(embeddings), np.int64)
    # The least cut above the distance: groups exactly so far apart are joined, too.
    cut = np.nextafter(1 - min_cosine, np.inf)
    return _numbered(fcluster(_tree(embeddings), cut, "distance"))


def cluster_by_number(embeddings: Matrix, num_clusters: int) -> NDArray[np.int64]:
    """Joins the most alike groups until so many are left.

    Args:
        embeddings: ``(I, D)``, I >= 0.
        num_clusters: >= 1; more than clips: each is its own.

    Returns:
        ``(I,)`` 0, 1, ... numbered by first appearance.

    Raises:
        ValueError: ``num_clusters`` < 1.
    """
    if num_clusters < 1:
        raise ValueError(f"clustering: expected num_clusters >= 1, got {num_clusters}")
    if len(embeddings) < 2:
        return np.zeros(len(embeddings), np.int64)
    heights = _tree(embeddings)
    # Merges are in order of height; undoing the last ones leaves so many groups, ties or not.
    return _numbered(_after(heights, max(len(embeddings) - num_clusters, 0)))


def _tree(embeddings: Matrix) -> Matrix:
    """``(I - 1, 4)`` merges by average linkage of ``1 - cosine``."""
    distances = np.maximum(pdist(unit(embeddings), "sqeuclidean") / 2, 0)
    return np.asarray(linkage(distances, "average"), np.float64)


def _after(tree: Matrix, num_merges: int) -> NDArray[np.int64]:
    """``(I,)`` groups after the first merges."""
    num_clips = len(tree) + 1
    groups = np.arange(num_clips)
    for merge, (left, right) in enumerate(tree[:num_merges, :2].astype(np.int64)):
        groups[(groups == left) | (groups == right)] = num_clips + merge
    return groups


def _numbered(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Labels renumbered by first appearance."""
    _, first, places = np.unique(labels, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[places], np.int64)
