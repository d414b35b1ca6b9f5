import pytest
import torch

from rnnmm.nn.dropout import Dropout


@pytest.mark.parametrize("probability", [0.05, 0.4, 0.999])
def test_as_many_become_zero_as_wanted_and_the_mean_stays(probability) -> None:
    torch.manual_seed(0)
    dropped = Dropout(probability)(torch.ones(1001, 1003))
    assert (dropped == 0).float().mean() == pytest.approx(probability, abs=0.004)
    assert dropped.mean() == pytest.approx(1.0, abs=0.06)
    assert len(dropped.unique()) == 2


def test_neighbours_are_dropped_independently() -> None:
    torch.manual_seed(0)
    kept = (Dropout(0.5)(torch.ones(1_000_003)) > 0).float() - 0.5
    for lag in (1, 2, 3, 4, 8):
        assert (kept[lag:] * kept[:-lag]).mean().abs() < 0.002


def test_one_mask_a_sequence_holds_for_all_its_steps() -> None:
    torch.manual_seed(0)
    dropped = Dropout(0.4, "sequence")(torch.ones(50, 9, 100))
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))
    assert (dropped == 0).float().mean() == pytest.approx(0.4, abs=0.02)
    assert dropped.mean() == pytest.approx(1.0, abs=0.05)
    assert not torch.equal(dropped[0], dropped[1])
    assert Dropout(0.4, "sequence")(torch.ones(2, 3, 4, 5)).shape == (2, 3, 4, 5)


def test_gradients_pass_where_values_pass() -> None:
    x = torch.randn(7, 5, requires_grad=True)
    y = Dropout(0.3)(x)
    y.sum().backward()
    torch.testing.assert_close(x.grad, y.detach() / x.detach())


def test_the_seed_decides() -> None:
    def draw() -> torch.Tensor:
        torch.manual_seed(3)
        return Dropout(0.5)(torch.ones(33))

    torch.testing.assert_close(draw(), draw())


@pytest.mark.parametrize("module", [Dropout(0.5).eval(), Dropout(0.0), Dropout(0.0, "sequence")])
def test_nothing_is_dropped_in_evaluation_or_at_zero(module) -> None:
    x = torch.randn(3, 4)
    assert module(x) is x
