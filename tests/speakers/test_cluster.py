import itertools

import numpy as np
import pytest

from rnnmm.speakers.cluster import cluster_by_number, cluster_by_similarity
from rnnmm.speakers.scoring import cosine_scores


def slow_clusters(embeddings: np.ndarray, min_cosine: float, num_clusters: int) -> list[int]:
    """Joins the most alike pair of groups again and again, looking at every pair of clips."""
    cosines = cosine_scores(embeddings, embeddings)
    groups = [[place] for place in range(len(embeddings))]
    while len(groups) > num_clusters:
        alike = {
            (i, j): cosines[np.ix_(groups[i], groups[j])].mean()
            for i, j in itertools.combinations(range(len(groups)), 2)
        }
        (i, j), best = max(alike.items(), key=lambda each: each[1])
        if best < min_cosine:
            break
        groups[i] += groups.pop(j)
    order = sorted(groups, key=min)
    return [next(n for n, group in enumerate(order) if i in group) for i in range(len(embeddings))]


@pytest.mark.parametrize("seed", range(10))
def test_groups_are_those_of_the_definition(seed: int) -> None:
    embeddings = np.random.default_rng(seed).normal(size=(9, 3))
    for cosine in (-1.0, -0.3, 0.2, 0.6, 0.95, 1.0):
        found = cluster_by_similarity(embeddings, cosine).tolist()
        assert found == slow_clusters(embeddings, cosine, 1)
    for number in range(1, 12):
        found = cluster_by_number(embeddings, number).tolist()
        assert found == slow_clusters(embeddings, -1.0, number)


def test_equal_clips_are_still_divided_by_number() -> None:
    same = np.ones((5, 2))
    assert len(set(cluster_by_number(same, 3).tolist())) == 3
    assert cluster_by_similarity(same, 0.999).tolist() == [0] * 5


def test_few_clips() -> None:
    for count in (0, 1):
        clips = np.ones((count, 2))
        assert cluster_by_number(clips, 2).tolist() == [0] * count
        assert cluster_by_similarity(clips, 0.5).tolist() == [0] * count


def test_values_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="expected -1 <= min_cosine <= 1, got 2"):
        cluster_by_similarity(np.ones((2, 2)), 2)
    with pytest.raises(ValueError, match="expected num_clusters >= 1, got 0"):
        cluster_by_number(np.ones((2, 2)), 0)
