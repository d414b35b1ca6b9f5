from itertools import product

import pytest
import torch

from rnnmm.nn.dpp import dpp_kernel, dpp_log_probability, dpp_marginals


def subsets(count: int) -> torch.Tensor:
    return torch.tensor(list(product([False, True], repeat=count)))


@pytest.fixture
def kernel() -> torch.Tensor:
    torch.manual_seed(0)
    return dpp_kernel(torch.randn(6), torch.randn(6, 3))


def test_the_probabilities_of_all_subsets_add_up_to_one(kernel: torch.Tensor) -> None:
    told = torch.stack([dpp_log_probability(kernel, one) for one in subsets(6)])
    assert float(told.exp().sum()) == pytest.approx(1.0, abs=1e-12)


def test_marginals_are_sums_over_subsets(kernel: torch.Tensor) -> None:
    draws = subsets(6)
    told = torch.stack([dpp_log_probability(kernel, one) for one in draws]).exp()
    torch.testing.assert_close(dpp_marginals(kernel), told @ draws.double())


def test_two_that_are_alike_are_rarely_drawn_together() -> None:
    kind = torch.tensor([[1.0, 0.0], [1.0, 0.01], [0.0, 1.0]])
    kernel = dpp_kernel(torch.full((3,), 2.0), kind)
    alike = dpp_log_probability(kernel, torch.tensor([True, True, False]))
    unlike = dpp_log_probability(kernel, torch.tensor([True, False, True]))
    assert unlike > alike + 1
    better = dpp_kernel(torch.tensor([4.0, 2.0, 2.0]), kind)
    assert dpp_marginals(better)[0] > dpp_marginals(kernel)[0]


def test_more_things_than_kinds_can_be_drawn() -> None:
    kernel = dpp_kernel(torch.zeros(40), torch.randn(40, 2)).requires_grad_()
    told = dpp_log_probability(kernel, torch.ones(40, dtype=torch.bool))
    told.backward()
    assert told.isfinite() and kernel.grad is not None and kernel.grad.isfinite().all()
