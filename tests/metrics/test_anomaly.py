import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnmm.metrics.anomaly import roc_auc

scored = st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=20)


@given(scored)
def test_it_is_the_chance_that_an_odd_one_scores_above_another(drawn):
    scores, is_odd = np.array([s for s, _ in drawn], float), np.array([o for _, o in drawn])
    pairs = [(a > b) + (a == b) / 2 for a in scores[is_odd] for b in scores[~is_odd]]
    if pairs:
        assert roc_auc(scores, is_odd) == pytest.approx(np.mean(pairs))
    else:
        assert math.isnan(roc_auc(scores, is_odd))
