from collections import Counter

import pytest
import torch
from torch import Tensor

from rnnmm.decode.sample import sample
from rnnmm.decode.scorer import State

CHANCES = torch.tensor([0.2, 0.5, 0.3])  # of the end, 1 and 2


class Coin:
    """Forgets all but how many symbols there were."""

    def initial_state(self, batch_size: int) -> State:
        return (torch.zeros(batch_size, dtype=torch.int64),)

    def scores(self, state: State) -> Tensor:
        return CHANCES.log().expand(len(state[0]), 3)

    def advance(self, state: State, tokens: Tensor) -> State:
        return (state[0] + 1,)

    def final_scores(self, state: State) -> Tensor:
        return CHANCES[0].log().expand(len(state[0]))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_symbols_are_drawn_as_likely_as_they_are() -> None:
    texts = sample(Coin(), 4000, 50, generator())
    assert sample(Coin(), 4000, 50, generator()) == texts
    counts = Counter(token for text in texts for token in text)
    assert counts[1] / counts.total() == pytest.approx(5 / 8, abs=0.02)
    assert counts.total() / 4000 == pytest.approx(4.0, abs=0.2)  # 1 / 0.2 - 1


def test_a_low_temperature_and_top_k_leave_the_likeliest() -> None:
    assert sample(Coin(), 3, 4, generator(), temperature=0.01) == [(1, 1, 1, 1)] * 3
    assert sample(Coin(), 3, 4, generator(), top_k=1) == [(1, 1, 1, 1)] * 3
    two = {token for text in sample(Coin(), 50, 20, generator(), top_k=2) for token in text}
    assert two == {1, 2}


def test_texts_begin_as_asked_and_are_cut() -> None:
    texts = sample(Coin(), 20, 3, generator(), begin=(2, 2))
    assert all(text[:2] == (2, 2) and len(text) <= 3 for text in texts)
    assert sample(Coin(), 0, 3, generator()) == []


@pytest.mark.parametrize("options", [{"temperature": 0.0}, {"top_k": -1}])
def test_bad_options(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="sample: expected a temperature > 0 and top_k >= 0"):
        sample(Coin(), 1, 1, generator(), **options)
