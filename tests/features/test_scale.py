import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.features.scale import Floor, Scale


def test_two_numbers_become_zero_and_one():
    x = Padded.stack([torch.tensor([[-40.0, -20.0], [0.0, -60.0]])])
    assert Scale()(x).data.tolist() == [[[0.0, 1.0], [2.0, -1.0]]]
    assert Scale(centre=-60.0, spread=10.0)(x).data.tolist() == [[[2.0, 4.0], [6.0, 0.0]]]


@pytest.mark.parametrize("spread", [0.0, -1.0])
def test_the_spread_is_positive(spread):
    with pytest.raises(ValueError, match=f"Scale: expected spread > 0, got {spread:g}"):
        Scale(spread=spread)


def test_nothing_lies_below_the_floor_and_padding_is_zero() -> None:
    x = Padded(torch.tensor([[[-90.0], [-20.0]], [[-50.0], [-70.0]]]), torch.tensor([2, 1]))
    assert Floor(-50)(x).data.squeeze(-1).tolist() == [[-50.0, -20.0], [-50.0, 0.0]]
