import numpy as np
import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.nn.quantile import Spread


def test_quantiles_are_numpy_s() -> None:
    torch.manual_seed(0)
    rows = [torch.randn(steps, 3) for steps in (1, 2, 7, 40)]
    levels = (0.0, 0.1, 0.5, 1.0)
    found = Spread(3, levels)(Padded.stack(rows))
    assert found.shape == (4, Spread(3, levels).output_dim) == (4, 18)
    for row, pooled in zip(rows, found):
        np.testing.assert_allclose(pooled[:3], row.mean(0), atol=1e-6)
        expected = np.quantile(row.numpy(), levels, axis=0)
        np.testing.assert_allclose(pooled[6:].reshape(4, 3), expected, atol=1e-6)


def test_padding_counts_nowhere() -> None:
    row = torch.randn(5, 2)
    padded = Padded(torch.cat([row, torch.full((4, 2), torch.nan)])[None], torch.tensor([5]))
    torch.testing.assert_close(Spread(2)(padded), Spread(2)(Padded.stack([row])))


def test_no_levels_are_refused() -> None:
    with pytest.raises(ValueError, match="Spread: expected at least one level, got none"):
        Spread(2, ())
