import pytest
import torch
from torch import nn

from rnnmm.nn import gru as module
from rnnmm.nn.gru import gru, is_gru_faster


def parameters(layer: nn.GRU) -> list[torch.Tensor]:
    return [layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0, layer.bias_hh_l0]


@pytest.mark.parametrize(("batch", "steps"), [(1, 1), (3, 2), (2, 17), (5, 40)])
@pytest.mark.parametrize("block_bytes", [1, 2**9, 2**17])
def test_states_and_gradients_are_those_of_torch(
    batch, steps, block_bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BLOCK_BYTES", block_bytes)
    torch.manual_seed(0)
    layer = nn.GRU(5, 6, batch_first=True)
    x = torch.randn(batch, steps, 5, requires_grad=True)
    state = torch.randn(batch, 6, requires_grad=True)
    found, expected = gru(x, state, *parameters(layer)), layer(x, state[None])[0]
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)
    leaves = [x, state, *parameters(layer)]
    upstream = torch.randn_like(expected)
    for one, other in zip(
        torch.autograd.grad(found, leaves, upstream),
        torch.autograd.grad(expected, leaves, upstream),
        strict=True,
    ):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


def test_gradients_are_the_slopes_of_finite_differences() -> None:
    torch.manual_seed(0)
    layer = nn.GRU(3, 4, batch_first=True).double()
    x = torch.randn(2, 5, 3, dtype=torch.float64, requires_grad=True)
    state = torch.randn(2, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(gru, (x, state, *parameters(layer)))


def test_it_is_chosen_only_where_a_backward_pass_may_follow() -> None:
    x = torch.randn(1, 2, 3)
    assert is_gru_faster(x)
    assert not is_gru_faster(x[:, :0])
    with torch.no_grad():
        assert not is_gru_faster(x)
    with torch.autocast("cpu", torch.bfloat16):
        assert not is_gru_faster(x)
