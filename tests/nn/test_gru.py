import pytest
import torch
from torch import nn

from rnnmm.nn import gru as module
from rnnmm.nn.gru import gru, is_gru_faster


def run(x: torch.Tensor, state: torch.Tensor, *layers: nn.GRU) -> torch.Tensor:
    """The layers side by side over the same input."""
    return gru([x] * len(layers), state, *zip(*(layer.all_weights[0] for layer in layers)))


@pytest.mark.parametrize(("batch", "steps"), [(1, 1), (3, 2), (2, 17), (5, 40)])
@pytest.mark.parametrize("block_bytes", [1, 2**9, 2**17])
@pytest.mark.parametrize("count", [1, 2])
def test_states_and_gradients_are_those_of_torch(
    batch, steps, block_bytes, count, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BLOCK_BYTES", block_bytes)
    torch.manual_seed(0)
    layers = [nn.GRU(5, 6, batch_first=True) for _ in range(count)]
    x = torch.randn(batch, steps, 5, requires_grad=True)
    state = torch.randn(count, batch, 6, requires_grad=True)
    found = run(x, state, *layers)
    expected = torch.stack([layer(x, one[None])[0] for layer, one in zip(layers, state)])
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)
    leaves = [x, state, *(value for layer in layers for value in layer.parameters())]
    upstream = torch.randn_like(expected)
    for one, other in zip(
        torch.autograd.grad(found, leaves, upstream),
        torch.autograd.grad(expected, leaves, upstream),
        strict=True,
    ):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


def test_gradients_are_the_slopes_of_finite_differences() -> None:
    torch.manual_seed(0)
    layers = [nn.GRU(3, 4, batch_first=True).double() for _ in range(2)]
    x = torch.randn(2, 5, 3, dtype=torch.float64, requires_grad=True)
    state = torch.randn(2, 2, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, state: run(x, state, *layers), (x, state))


def test_it_is_chosen_only_where_a_backward_pass_may_follow() -> None:
    x = torch.randn(1, 2, 3)
    assert is_gru_faster(x)
    assert not is_gru_faster(x[:, :0])
    with torch.no_grad():
        assert not is_gru_faster(x)
    with torch.autocast("cpu", torch.bfloat16):
        assert not is_gru_faster(x)
