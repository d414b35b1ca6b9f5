import math

import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.nn.attention import AdditiveAttention, SentinelAttention


def slow(attention: AdditiveAttention, query: torch.Tensor, row: torch.Tensor) -> torch.Tensor:
    """Bahdanau's equations, one step at a time, over the valid steps alone."""
    energies = [
        float(attention.score(torch.tanh(attention.query(query) + attention.key(step))))
        for step in row
    ]
    total = sum(math.exp(energy) for energy in energies)
    return sum(math.exp(energy) / total * step for energy, step in zip(energies, row))


@torch.no_grad()
def test_it_equals_the_slow_reference_whatever_the_padding_holds() -> None:
    torch.manual_seed(0)
    attention = AdditiveAttention(3, 5, attention_dim=4)
    memory = Padded.stack([torch.randn(steps, 5) for steps in (6, 1, 3)])
    rows = [row.clone() for row in memory.rows()]
    memory.data[~memory.mask] = torch.nan
    query = torch.randn(3, 3)
    context, weights = attention(query, attention.prepare(memory))
    for got, one, row in zip(context, query, rows):
        torch.testing.assert_close(got, slow(attention, one, row))
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(3))
    assert not weights[~memory.mask].any()


@torch.no_grad()
def test_equal_steps_are_weighted_equally() -> None:
    attention = AdditiveAttention(3, 5)
    memory = Padded.stack([torch.ones(4, 5)])
    _, weights = attention(torch.randn(1, 3), attention.prepare(memory))
    assert weights[0].tolist() == pytest.approx([0.25] * 4)


def test_a_memory_is_averaged_over_its_valid_steps_and_taken_apart_by_rows() -> None:
    torch.manual_seed(0)
    steps = Padded.stack([torch.randn(length, 5) for length in (6, 1, 3)])
    steps.data[~steps.mask] = torch.nan
    memory = AdditiveAttention(3, 5, attention_dim=4).prepare(steps)
    expected = torch.stack([row.mean(dim=0) for row in steps.rows()])
    torch.testing.assert_close(memory.mean(), expected)
    chosen = torch.tensor([2, 0, 2])
    torch.testing.assert_close(memory.select(chosen).mean(), expected[chosen])


@torch.no_grad()
def test_a_sentinel_is_one_step_more() -> None:
    torch.manual_seed(0)
    attention = SentinelAttention(3, 5, attention_dim=4)
    attention.key.load_state_dict(attention.steps.key.state_dict())  # seen by the same eyes
    rows = [torch.randn(steps, 5) for steps in (4, 2)]
    query, sentinel = torch.randn(2, 3), torch.randn(2, 5)
    memory = attention.prepare(Padded.stack(rows))
    context, weights = attention(query, sentinel, memory)
    for row, steps in enumerate(rows):
        longer = torch.cat([steps, sentinel[row : row + 1]])
        torch.testing.assert_close(context[row], slow(attention.steps, query[row], longer))
    assert not weights[1, 2:].any()
    assert bool((weights.sum(dim=1) < 1).all())
