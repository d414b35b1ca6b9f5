import math

import pytest
import torch
from torch import Tensor

from rnnmm.batch import Padded
from rnnmm.nn.location import LocationAttention


def slow(attention: LocationAttention, query: Tensor, row: Tensor, last: Tensor) -> Tensor:
    """Chorowski's equations, one step at a time, over the valid steps alone."""
    filters = attention.filters.weight[:, 0]  # (filters, width)
    half = filters.shape[1] // 2
    energies = []
    for at, step in enumerate(row):
        seen = torch.tensor([
            float(last[at + shift]) if 0 <= at + shift < len(row) else 0.0
            for shift in range(-half, half + 1)
        ])  # fmt: skip
        meeting = attention.query(query) + attention.key(step) + attention.place(filters @ seen)
        energies.append(float(attention.score(torch.tanh(meeting))))
    total = sum(math.exp(energy) for energy in energies)
    return sum(math.exp(energy) / total * step for energy, step in zip(energies, row))


@torch.no_grad()
def test_it_equals_the_slow_reference_whatever_the_padding_holds() -> None:
    torch.manual_seed(0)
    attention = LocationAttention(3, 5, attention_dim=4, num_filters=2, width=5)
    memory = Padded.stack([torch.randn(steps, 5) for steps in (6, 1, 3)])
    rows = [row.clone() for row in memory.rows()]
    memory.data[~memory.mask] = torch.nan
    query = torch.randn(3, 3)
    last = torch.rand(3, 6).masked_fill(~memory.mask, 0.0)
    context, weights = attention(query, attention.prepare(memory), last)
    for got, one, row, before in zip(context, query, rows, last):
        torch.testing.assert_close(got, slow(attention, one, row, before))
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(3))
    assert not weights[~memory.mask].any()


@torch.no_grad()
def test_equal_steps_are_told_apart_by_their_place_alone() -> None:
    torch.manual_seed(0)
    attention = LocationAttention(3, 5, width=3)
    memory = attention.prepare(Padded.stack([torch.ones(8, 5)]))
    query = torch.randn(1, 3)
    _, nowhere = attention(query, memory, torch.zeros(1, 8))
    assert nowhere[0].tolist() == pytest.approx([1 / 8] * 8)
    _, weights = attention(query, memory, torch.eye(8)[3:4])
    _, moved = attention(query, memory, torch.eye(8)[4:5])
    assert len({round(weight, 6) for weight in weights[0].tolist()}) == 4  # 2, 3, 4 and the rest
    torch.testing.assert_close(moved[0, 1:], weights[0, :-1])


def test_an_even_width_has_no_middle() -> None:
    with pytest.raises(ValueError, match="expected an odd width, got 4"):
        LocationAttention(3, 5, width=4)
