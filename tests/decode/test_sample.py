from collections import Counter

import pytest
import torch
from torch import Tensor

from rnnmm.decode.sample import Sampling, draw, sample
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
    likeliest = sample(Coin(), 50, 20, generator(), top_p=0.5)
    assert set(likeliest) == {(1,) * 20}


def test_texts_begin_as_asked_and_are_cut() -> None:
    texts = sample(Coin(), 20, 3, generator(), begin=(2, 2))
    assert all(text[:2] == (2, 2) and len(text) <= 3 for text in texts)
    assert sample(Coin(), 0, 3, generator()) == []


@pytest.mark.parametrize("options", [{"temperature": 0.0}, {"top_k": -1}, {"top_p": 0.0}])
def test_bad_options(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="sample: expected a temperature > 0, top_k >= 0"):
        sample(Coin(), 1, 1, generator(), **options)


END = 0


def coin(tokens: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """Logits of `CHANCES` whatever was written, but no end first; the state counts."""
    logits = CHANCES.log().expand(len(tokens), 3).clone()
    logits[state == 0, END] = -torch.inf
    return logits, state + 1


def select(state: Tensor, rows: Tensor) -> Tensor:
    return state[rows]


def drawn(num_rows: int, luck: Tensor | None = None, **options: float):
    zeros = torch.zeros(num_rows, dtype=torch.int64)
    chances = torch.rand(num_rows, 40, generator=generator()) if luck is None else luck
    return draw(coin, zeros, zeros, END, chances, **options)


def test_rows_are_drawn_as_likely_as_they_are_and_end_by_themselves() -> None:
    found = drawn(4000)
    answers = found.hypotheses(END)
    counts = Counter(token for one in answers for token in one.tokens)
    assert counts[1] / counts.total() == pytest.approx(5 / 8, abs=0.02)
    assert counts.total() / 4000 == pytest.approx(5.0, abs=0.2)  # 1 + 1 / 0.2 - 1
    assert all(END not in one.tokens for one in answers)
    ends = [row.tolist().count(END) for row in found.tokens.rows()]
    assert set(ends) <= {0, 1} and sum(ends) > 3900


def test_the_luck_of_a_token_chooses_it_and_its_log_probability_is_the_models() -> None:
    luck = torch.tensor([[0.0, 0.1, 0.9], [0.624, 0.21, 0.69], [0.626, 0.71, 0.999999]])
    found = drawn(3, luck)
    # First 1 and 2 with 5/8 and 3/8; then the end, 1 and 2 with .2, .5 and .3.
    assert [row.tolist() for row in found.tokens.rows()] == [[1, 0], [1, 1, 1], [2, 2, 2]]
    expected = [[5 / 8, 0.2], [5 / 8, 0.5, 0.5], [3 / 8, 0.3, 0.3]]
    for row, chances in zip(found.log_probs.rows(), expected):
        assert row.exp().tolist() == pytest.approx(chances)
    cold = drawn(3, luck, temperature=0.01)
    assert [row.tolist() for row in cold.tokens.rows()] == [[1, 1, 1]] * 3
    assert cold.log_probs.data[0].exp().tolist() == pytest.approx([5 / 8, 0.5, 0.5])


def test_a_nucleus_holds_the_likeliest_up_to_its_mass() -> None:
    def tokens(top_p: float) -> set[int]:
        found = drawn(300, top_p=top_p)
        return {token for row in found.tokens.rows() for token in row[1:].tolist()}

    assert tokens(0.5) == {1}
    assert tokens(0.51) == tokens(0.79) == {1, 2}
    assert tokens(0.81) == {END, 1, 2}


def test_the_gradient_of_what_was_drawn_is_the_models() -> None:
    logits = torch.zeros(1, 3, requires_grad=True)
    zeros = torch.zeros(1, dtype=torch.int64)
    found = draw(lambda tokens, state: (logits, state), zeros, zeros, END, torch.tensor([[0.5]]))
    found.log_probs.data.sum().backward()
    torch.testing.assert_close(logits.grad, torch.tensor([[-1.0, 2.0, -1.0]]) / 3)


def test_every_row_has_the_same_luck_and_the_best_of_several_comes_first() -> None:
    search = Sampling(6, seed=3)
    zeros = torch.zeros(3, dtype=torch.int64)
    found = search.find(coin, select, zeros, zeros, END, 9)
    (alone,) = search.find(coin, select, zeros[:1], zeros[:1], END, 9)
    assert found == [alone] * 3
    assert 1 < len(alone) == len({one.tokens for one in alone}) <= 6
    assert [one.score for one in alone] == sorted((one.score for one in alone), reverse=True)
    assert Sampling(6, seed=4).find(coin, select, zeros, zeros, END, 9) != found


@pytest.mark.parametrize("top_p", [0.0, 1.5])
def test_a_nucleus_without_mass_is_refused(top_p: float) -> None:
    with pytest.raises(ValueError, match=r"top_p in \(0, 1\], got 1, 0 and"):
        Sampling(top_p=top_p)
