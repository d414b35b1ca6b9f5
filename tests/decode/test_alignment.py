import itertools

import pytest
import torch

from rnnmm.decode.alignment import ctc_spikes


def fold(path: tuple[int, ...], blank: int) -> list[int]:
    return [s for i, s in enumerate(path) if s != blank and (i == 0 or s != path[i - 1])]


@pytest.mark.parametrize("blank", [0, 2])
def test_spikes_are_those_of_the_best_of_all_alignments(blank: int) -> None:
    for seed in range(10):
        x = torch.randn(5, 3, generator=torch.Generator().manual_seed(seed)).log_softmax(-1)
        paths = list(itertools.product(range(3), repeat=5))
        for answer in ([1], [1, 1], [1 - blank // 2, 1], []):
            best = max(
                (path for path in paths if fold(path, blank) == answer),
                key=lambda path: sum(float(x[t, s]) for t, s in enumerate(path)),
                default=(),
            )
            if not best:
                continue
            starts = [t for t, s in enumerate(best) if s != blank and s != (blank, *best)[t]]
            assert list(ctc_spikes(x, answer, blank)) == starts
