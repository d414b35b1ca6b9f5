import pytest
import torch
from torch.nn import functional

from rnnmm.nn import affine as module
from rnnmm.nn.affine import affine, cross_product, rounded_rows


def test_of_all_numbers_of_rows_few_are_left() -> None:
    counts = range(1, 2**14)
    rounded = [rounded_rows(count) for count in counts]
    assert rounded == sorted(rounded)
    assert all(count <= more <= 17 / 16 * count for count, more in zip(counts, rounded))
    assert len(set(rounded)) <= 31 + 16 * 10


@pytest.mark.parametrize("shape", [(7,), (5, 7), (3, 5, 7), (5, 61, 7)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("with_bias", [True, False])
def test_it_is_the_linear_map(shape, dtype, with_bias) -> None:
    torch.manual_seed(0)
    x = torch.randn(*shape, dtype=dtype, requires_grad=True)
    weight = torch.randn(11, 7, dtype=dtype, requires_grad=True)
    bias = torch.randn(11, dtype=dtype, requires_grad=True) if with_bias else None
    found, expected = affine(x, weight, bias), functional.linear(x, weight, bias)
    torch.testing.assert_close(found, expected)
    leaves = [leaf for leaf in (x, weight, bias) if leaf is not None]
    upstream = torch.randn_like(expected) / 4  # sums of 305 rows stay near one
    for one, other in zip(
        torch.autograd.grad(found, leaves, upstream),
        torch.autograd.grad(expected, leaves, upstream),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


def test_gradients_nobody_asks_for_are_not_made() -> None:
    weight = torch.randn(2, 3, requires_grad=True)
    x = torch.randn(4, 3)
    affine(x, weight).sum().backward()
    torch.testing.assert_close(weight.grad, x.sum(0).expand(2, 3))
    assert x.grad is None


def test_without_onednn_torchs_own_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    x, weight = torch.randn(4, 3), torch.randn(2, 3)
    assert not module._has_onednn(x, weight)
    torch.testing.assert_close(affine(x, weight), x @ weight.t())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("rows", [1, 9, 305])
def test_a_cross_product_sums_over_rows(dtype, rows) -> None:
    left, right = torch.randn(rows, 4, dtype=dtype), torch.randn(rows, 3, dtype=dtype)
    torch.testing.assert_close(cross_product(left, right), left.t() @ right)
