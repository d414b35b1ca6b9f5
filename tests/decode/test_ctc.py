import itertools

import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.decode.ctc import greedy_ctc


def scores_of(*paths: list[int]) -> Padded:
    rows = [torch.nn.functional.one_hot(torch.tensor(path), 4).float() * 5 for path in paths]
    x = Padded.stack(rows)
    return x.with_data(x.data.log_softmax(-1))


def test_repeats_fold_and_blanks_separate() -> None:
    first, second = greedy_ctc(scores_of([0, 1, 1, 0, 1, 2], [3, 3, 0]))
    assert first.tokens == (1, 1, 2)
    assert second.tokens == (3,)


def test_the_path_is_the_best_of_all_paths() -> None:
    torch.manual_seed(1)
    x = Padded(torch.randn(1, 4, 3).log_softmax(-1), torch.tensor([4]))
    best = max(
        itertools.product(range(3), repeat=4),
        key=lambda path: sum(float(x.data[0, t, s]) for t, s in enumerate(path)),
    )
    (hypothesis,) = greedy_ctc(x)
    expected = tuple(s for i, s in enumerate(best) if s and (i == 0 or s != best[i - 1]))
    assert hypothesis.tokens == expected
    assert hypothesis.score == pytest.approx(
        sum(float(x.data[0, t, s]) for t, s in enumerate(best)), abs=1e-5
    )


def test_padding_is_never_decoded() -> None:
    x = scores_of([1, 2, 3, 1, 2])
    (hypothesis,) = greedy_ctc(Padded(x.data, torch.tensor([2])))
    assert hypothesis.tokens == (1, 2)
