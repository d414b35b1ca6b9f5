import itertools
import math

import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.decode.prefix_score import begin_prefix, extend_prefixes, score_prefixes

NUM_OUTPUTS = 3
LENGTHS = (4, 1, 3)


def scores() -> Padded:
    torch.manual_seed(0)
    rows = [(2 * torch.randn(steps, NUM_OUTPUTS)).log_softmax(dim=1) for steps in LENGTHS]
    x = Padded.stack(rows)
    x.data[~x.mask] = torch.nan
    return x


def every_transcript(row: torch.Tensor) -> dict[tuple[int, ...], float]:
    """The probability of all transcripts, from all paths."""
    found: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(NUM_OUTPUTS), repeat=len(row)):
        symbols = tuple(symbol for symbol, _ in itertools.groupby(path) if symbol)
        score = math.exp(sum(float(row[step, symbol]) for step, symbol in enumerate(path)))
        found[symbols] = found.get(symbols, 0.0) + score
    return found


def begins(transcripts: dict[tuple[int, ...], float], prefix: tuple[int, ...]) -> float:
    """The probability that a transcript begins so."""
    return sum(p for symbols, p in transcripts.items() if symbols[: len(prefix)] == prefix)


@pytest.mark.parametrize("count", range(5))
def test_it_is_the_sum_over_all_transcripts_that_begin_so(count: int) -> None:
    x = scores()
    known = [every_transcript(row) for row in x.rows()]
    for prefix in itertools.product(range(1, NUM_OUTPUTS), repeat=count):
        state = begin_prefix(x)
        for symbol in prefix:
            state = extend_prefixes(state, torch.full((len(LENGTHS),), symbol))
        for transcripts, total, following in zip(
            known, state.total.exp().tolist(), score_prefixes(state).exp().tolist()
        ):
            assert total == pytest.approx(begins(transcripts, prefix), abs=1e-6)
            if not total:  # the steps do not suffice: nothing can follow
                assert following == [0.0] * NUM_OUTPUTS
                continue
            expected = [transcripts.get(prefix, 0.0), *(
                begins(transcripts, (*prefix, symbol)) for symbol in range(1, NUM_OUTPUTS)
            )]  # fmt: skip
            assert following == pytest.approx([p / total for p in expected], abs=1e-5)


def test_what_follows_sums_to_one() -> None:
    torch.manual_seed(0)
    x = Padded(torch.randn(2, 60, 7).log_softmax(dim=2), torch.tensor([60, 33]))
    state = begin_prefix(x)
    for symbol in (0, 3, 3, 0, 5, 1):
        state = extend_prefixes(state, torch.tensor([symbol, max(0, symbol - 1)]))
        torch.testing.assert_close(
            score_prefixes(state).exp().sum(dim=1), torch.ones(2, dtype=torch.float64)
        )


def test_rows_are_repeated_reordered_and_kept_where_nothing_is_added() -> None:
    x = Padded(scores().data[:1].repeat(2, 1, 1), torch.tensor([4, 4]))
    state = extend_prefixes(begin_prefix(x), torch.tensor([2, 0])).repeat(2)
    expected = score_prefixes(state)
    torch.testing.assert_close(expected[0], expected[1])
    rows = torch.tensor([1, 2, 2, 0])
    torch.testing.assert_close(score_prefixes(state.select(rows)), expected[rows])
    torch.testing.assert_close(expected[2:3], score_prefixes(begin_prefix(x))[:1])
