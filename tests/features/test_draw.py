import pytest
import torch

from rnnmm.features.draw import check_range, draw, scaled_length


def test_draws_are_uniform_and_one_per_utterance():
    values = draw(torch.Generator().manual_seed(0), 4000, -3.0, 5.0)
    assert values.shape == (4000,)
    assert -3 <= values.min() < -2.9
    assert 4.9 < values.max() <= 5
    assert abs(values.mean() - 1) < 0.2


@pytest.mark.parametrize("batch", [1, 3, 16, 100])
def test_draws_do_not_depend_on_the_utterances_that_follow(batch):
    many = draw(torch.Generator().manual_seed(1), 200, 0.0, 1.0)
    few = draw(torch.Generator().manual_seed(1), batch, 0.0, 1.0)
    assert torch.equal(many[:batch], few)


@pytest.mark.parametrize(("low", "high"), [(0.4, 1), (1.2, 1.1), (1, 2.1), (float("nan"), 1)])
def test_a_range_has_an_order_and_limits(low, high):
    with pytest.raises(ValueError, match=r"Speed: expected 0.5 <= low <= high <= 2, got"):
        check_range("Speed", low, high, 0.5, 2.0)


def test_a_scaled_length_is_rounded_and_never_lost():
    assert [scaled_length(n, 2.0) for n in (0, 1, 3, 100)] == [0, 1, 2, 50]
    assert scaled_length(100, 0.8) == 125
