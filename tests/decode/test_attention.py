import itertools
import math
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from rnnmm.decode.attention import AttentionSearch, attention_beam
from rnnmm.decode.fusion import Weighted
from rnnmm.decode.hypothesis import Hypothesis


class Memory(NamedTuple):
    """A state that knows of which item it is, and holds all that was written and looked at."""

    item: Tensor
    written: Tensor
    covered: Tensor

    def repeat(self, width: int) -> "Memory":
        return Memory(*[part.repeat_interleave(width, dim=0) for part in self])

    def select(self, rows: Tensor) -> "Memory":
        assert torch.equal(self.item[rows], self.item), "a row may not leave its item"
        return Memory(self.item, self.written[rows], self.covered[rows])


def model(num_rows: int, num_outputs: int, first: int = 0):
    """Scores and coverage that depend on the item and on all that was written; the first state."""
    generator = torch.Generator().manual_seed(0)
    mix = torch.randn(8, 8, generator=generator)
    read = torch.randn(num_outputs, 8, generator=generator)
    write = 2 * torch.randn(8, num_outputs, generator=generator)
    start = torch.randn(20, 8, generator=generator)

    def step(symbols: Tensor, state: Memory) -> tuple[Tensor, Tensor, Memory]:
        written = torch.tanh(state.written @ mix + read[symbols])
        covered = state.covered + (written[:, 0] > -0.5)
        state = Memory(state.item, written, covered)
        return (written @ write).log_softmax(dim=1), covered, state

    rows = torch.arange(first, first + num_rows)
    return step, Memory(rows, start[rows], torch.zeros_like(rows))


def search(
    longest: list[int], num_outputs: int, how: AttentionSearch, first: int = 0
) -> list[list[Hypothesis]]:
    step, state = model(len(longest), num_outputs, first)
    return attention_beam(step, state, torch.tensor(longest), how)


def every_answer(row: int, num_outputs: int, longest: int) -> dict[tuple[int, ...], list[float]]:
    """Log-probability, length and coverage of all answers, without a beam."""
    step, state = model(1, num_outputs, row)
    found = {}
    for count in range(longest + 1):
        for symbols in itertools.product(range(1, num_outputs), repeat=count):
            after, total, before = state, 0.0, 0
            for symbol in (*symbols, 0):
                scores, covered, after = step(torch.tensor([before]), after)
                total += float(scores[0, symbol])
                before = symbol
            found[symbols] = [total, count + 1.0, float(covered[0])]
    return found


@pytest.mark.parametrize(("power", "coverage"), [(0.0, 0.0), (0.7, 0.0), (1.0, 0.3)])
def test_a_beam_of_full_width_is_exhaustive_search(power: float, coverage: float) -> None:
    num_outputs, longest = 3, [3, 1, 0]
    found = search(longest, num_outputs, AttentionSearch(40, power, coverage))
    for row, (hypotheses, most) in enumerate(zip(found, longest)):
        answers = every_answer(row, num_outputs, most)
        rank = {
            symbols: total / length**power + coverage * covered
            for symbols, (total, length, covered) in answers.items()
        }
        assert [one.tokens for one in hypotheses] == sorted(rank, key=lambda y: -rank[y])
        for one in hypotheses:
            assert one.score == pytest.approx(answers[one.tokens][0], abs=1e-5)


@pytest.mark.parametrize("how", [AttentionSearch(), AttentionSearch(1, 0.8, 0.5)])
def test_a_beam_of_one_is_greed(how: AttentionSearch) -> None:
    longest = [6] * 12
    for row, (found,) in enumerate(search(longest, 5, how)):
        step, state = model(1, 5, row)
        symbol, total, answer = 0, 0.0, []
        for count in range(7):
            scores, _, state = step(torch.tensor([symbol]), state)
            symbol = int(scores.argmax()) if count < 6 else 0
            total += float(scores[0, symbol])
            if not symbol:
                break
            answer.append(symbol)
        assert found.tokens == tuple(answer)
        assert found.score == pytest.approx(total, abs=1e-5)


def test_no_beam_is_worse_than_greed_and_the_best_comes_first() -> None:
    greedy = search([8] * 20, 5, AttentionSearch())
    better = 0
    for size in (2, 3, 8):
        for (one,), row in zip(greedy, search([8] * 20, 5, AttentionSearch(size))):
            scores = [other.score for other in row]
            assert scores == sorted(scores, reverse=True)
            assert len({other.tokens for other in row}) == len(row) == size
            assert scores[0] >= one.score - 1e-6
            better += scores[0] > one.score + 1e-6
    assert better > 0  # or nothing is shown


def test_rows_do_not_see_each_other() -> None:
    how = AttentionSearch(3, 0.5, 0.2)
    longest = [5, 2, 9, 0]
    for row, expected in enumerate(search(longest, 6, how)):
        (alone,) = search(longest[row : row + 1], 6, how, first=row)
        assert [one.tokens for one in alone] == [one.tokens for one in expected]
        assert all(len(one.tokens) <= longest[row] for one in alone)


def test_length_and_coverage_prefer_longer_answers() -> None:
    plain, lengthened, covered = (
        sum(len(row[0].tokens) for row in search([8] * 20, 4, how))
        for how in (AttentionSearch(4), AttentionSearch(4, 1.5), AttentionSearch(4, 0.0, 2.0))
    )
    assert plain < min(lengthened, covered)


@pytest.mark.parametrize(("power", "coverage"), [(0.0, 0.0), (1.0, 0.3)])
@pytest.mark.parametrize("seed", range(3))
def test_with_scorers_the_best_of_all_answers_is_found(
    pairs, seed: int, power: float, coverage: float
) -> None:
    num_outputs, longest = 3, [3, 1, 0]
    first, second = pairs(seed, num_outputs), pairs(seed + 10, num_outputs)
    scorers = (Weighted(first, 0.7), Weighted(second, 2.0))
    found = search(longest, num_outputs, AttentionSearch(40, power, coverage, scorers))
    for row, (hypotheses, most) in enumerate(zip(found, longest)):
        answers = every_answer(row, num_outputs, most)
        rank = {
            symbols: (total + 0.7 * first.total(symbols) + 2.0 * second.total(symbols))
            / length**power
            + coverage * covered
            for symbols, (total, length, covered) in answers.items()
        }
        possible = [symbols for symbols in rank if rank[symbols] > -math.inf]
        assert [one.tokens for one in hypotheses] == sorted(possible, key=lambda y: -rank[y])
        for one in hypotheses:  # of the model alone
            assert one.score == pytest.approx(answers[one.tokens][0], abs=1e-5)


@pytest.mark.parametrize("size", [1, 2, 8])
def test_with_scorers_no_beam_ranks_below_greed(pairs, size: int) -> None:
    scorer, better = pairs(4, 5), 0
    how = AttentionSearch(size, scorers=(Weighted(scorer, 0.8),))
    greedy = search([8] * 20, 5, AttentionSearch())
    for (one,), few in zip(greedy, search([8] * 20, 5, how)):
        ranks = [other.score + 0.8 * scorer.total(other.tokens) for other in few]
        assert 1 <= len(few) <= size and len({other.tokens for other in few}) == len(few)
        assert ranks == sorted(ranks, reverse=True)
        least = one.score + 0.8 * scorer.total(one.tokens)
        assert ranks[0] >= least - 1e-6
        better += ranks[0] > least + 1e-6
    assert better > 0  # or nothing is shown


@pytest.mark.parametrize("batch_size", [1, 8, 32])
def test_scorers_see_each_row_alone(pairs, batch_size: int) -> None:
    # The model of these tests knows twenty items.
    how = AttentionSearch(3, 0.5, 0.2, (Weighted(pairs(2, 6), 0.5), Weighted(pairs(3, 6), 1.0)))
    longest = [1 + 5 * n % 9 for n in range(20)]
    together = search(longest, 6, how)
    for start in range(0, 20, batch_size):
        some = search(longest[start : start + batch_size], 6, how, first=start)
        for few, expected in zip(some, together[start:]):
            assert [one.tokens for one in few] == [one.tokens for one in expected]
            scores = [one.score for one in expected]
            assert [one.score for one in few] == pytest.approx(scores, abs=1e-5)


@pytest.mark.parametrize("size", [1, 4])
def test_where_all_is_forbidden_the_answer_is_empty(pairs, size: int) -> None:
    never = pairs(0, 4)
    never.end = torch.full((4,), -torch.inf)
    how = AttentionSearch(size, scorers=(Weighted(never, 0.0),))
    for row, few in enumerate(search([3, 2, 0], 4, how)):
        (one,) = few
        assert one.tokens == ()
        (total, _, _) = every_answer(row, 4, 0)[()]
        assert one.score == pytest.approx(total, abs=1e-5)


def test_an_impossible_search_is_refused() -> None:
    with pytest.raises(ValueError, match="expected size >= 1, got 0"):
        AttentionSearch(0)
    with pytest.raises(ValueError, match="length_power and coverage >= 0, got 0 and -1"):
        AttentionSearch(coverage=-1.0)
