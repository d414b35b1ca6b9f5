import itertools
import math

import pytest
import torch
from torch import Tensor

from rnnmm.batch import Padded
from rnnmm.decode.fusion import Weighted
from rnnmm.decode.hypothesis import Hypothesis
from rnnmm.decode.transducer import TransducerSearch, transducer_beam
from rnnmm.decode.transducer_greedy import Network, greedy_transducer
from rnnmm.nn.lattice import transcript_score


def exact(row: Tensor, symbols: tuple[int, ...], heard: Network) -> float:
    """The log-probability of one answer, over all its alignments."""
    state, written = heard.state[:1], []
    for symbol in (0, *symbols):
        vector, state = heard.predict(torch.tensor([symbol]), state)
        written.append(vector[0])
    log_probs = heard.join(row[:, None], torch.stack(written)[None])  # (T, U + 1, K)
    index = torch.tensor([*symbols, 0])[None, :, None].expand(len(row), -1, 1)
    data = torch.stack([log_probs[..., 0], log_probs.gather(2, index)[..., 0]], dim=2)
    lattice = Padded(data[None], torch.tensor([len(row)]))
    return float(transcript_score(lattice, torch.tensor([len(symbols)])))


def every_answer(row: Tensor, heard: Network, max_symbols: int) -> dict[tuple[int, ...], float]:
    """The log-probability of every answer of two symbols."""
    return {
        symbols: exact(row, symbols, heard)
        for count in range(max_symbols * len(row) + 1)
        for symbols in itertools.product((1, 2), repeat=count)
    }


def test_a_beam_of_full_width_is_exhaustive_search(network, sound) -> None:
    steps, heard, max_symbols = sound(3, 1, 2), network(3, 3), 2
    found = transducer_beam(steps, heard, TransducerSearch(200, max_symbols))
    for row, hypotheses in zip(steps.rows(), found):
        answers = every_answer(row, heard, max_symbols)
        assert [one.tokens for one in hypotheses] == sorted(answers, key=lambda y: -answers[y])
        for one in hypotheses:
            assert one.score == pytest.approx(answers[one.tokens], abs=1e-5)


def test_what_a_beam_lost_of_an_answer_only_lowers_its_score(network, sound) -> None:
    steps, heard = sound(8, 5, 11), network(3, 5, blank=1.0)
    for row, hypotheses in zip(steps.rows(), transducer_beam(steps, heard, TransducerSearch(6))):
        assert len(hypotheses) == 6
        assert len({one.tokens for one in hypotheses}) == 6
        scores = [one.score for one in hypotheses]
        assert scores == sorted(scores, reverse=True)
        for one in hypotheses:
            assert one.score <= exact(row, one.tokens, heard) + 1e-5


def test_no_beam_is_worse_than_greed(network, sound) -> None:
    steps = sound(*range(1, 16))
    for blank in (1.0, 3.0):
        heard = network(15, 6, blank)
        greedy = TransducerSearch()(steps, heard)
        assert all(len(row) == 1 for row in greedy)
        gain = 0
        for size in (2, 8):
            for (one,), (best, *rest) in zip(greedy, TransducerSearch(size)(steps, heard)):
                assert best.score >= one.score
                assert len(rest) < size and all(best.score >= other.score for other in rest)
                gain += best.tokens != one.tokens
        assert gain > 0  # or nothing is shown


def test_rows_of_a_beam_do_not_see_each_other(network, sound) -> None:
    steps, heard = sound(9, 1, 5), network(3, 5, blank=1.0)
    search = TransducerSearch(4)
    steps.data[~steps.mask] = torch.nan
    together = search(steps, heard)
    for row, expected in zip(steps.rows(), together):
        (alone,) = search(Padded.stack([row]), heard._replace(state=heard.state[:1]))
        assert [one.tokens for one in alone] == [one.tokens for one in expected]
        assert [one.score for one in alone] == pytest.approx([one.score for one in expected])


def combined(scorers: tuple[Weighted, ...], one: Hypothesis) -> float:
    """What a hypothesis is ranked by."""
    said = [part.weight * part.scorer.total(one.tokens) for part in scorers]
    return one.score + sum(-math.inf if math.isnan(each) else each for each in said)


@pytest.mark.parametrize("seed", range(4))
def test_with_scorers_the_best_of_all_answers_is_found(pairs, network, sound, seed: int) -> None:
    steps, heard, max_symbols = sound(3, 1, 2), network(3, 3, seed=seed), 2
    first, second = pairs(seed, 3), pairs(seed + 10, 3)
    search = TransducerSearch(200, max_symbols, (Weighted(first, 0.7), Weighted(second, 2.0)))
    for found in (transducer_beam(steps, heard, search), search(steps, heard)):
        for row, hypotheses in zip(steps.rows(), found):
            answers = every_answer(row, heard, max_symbols)
            rank = {
                symbols: score + 0.7 * first.total(symbols) + 2.0 * second.total(symbols)
                for symbols, score in answers.items()
            }
            possible = [symbols for symbols in rank if rank[symbols] > -math.inf]
            best = sorted(possible, key=lambda symbols: -rank[symbols])
            assert [one.tokens for one in hypotheses] == best
            for one in hypotheses:  # of the model alone
                assert one.score == pytest.approx(answers[one.tokens], abs=1e-5)


def test_a_scorer_changes_what_is_answered(pairs, network, sound) -> None:
    steps, heard = sound(*range(4, 9)), network(5, 5, blank=1.0)
    scorers = (Weighted(pairs(5, 5), 1.0),)
    plain = TransducerSearch(8)(steps, heard)
    found, wide = (TransducerSearch(n, 5, scorers)(steps, heard) for n in (8, 40))
    assert [few[0].tokens for few in plain] != [few[0].tokens for few in found]
    ranks = [[combined(scorers, few[0]) for few in every] for every in (plain, found, wide)]
    assert sum(ranks[0]) < sum(ranks[1]) <= sum(ranks[2]) + 1e-6


@pytest.mark.parametrize("size", [1, 3, 8])
def test_with_scorers_no_beam_ranks_below_greed(pairs, network, sound, size: int) -> None:
    steps, better = sound(*range(1, 16)), 0
    for blank in (1.0, 3.0):
        heard = network(15, 6, blank)
        scorers = (Weighted(pairs(1, 6), 0.8),)
        greedy = greedy_transducer(steps, heard)
        for one, few in zip(greedy, TransducerSearch(size, 5, scorers)(steps, heard)):
            ranks = [combined(scorers, other) for other in few]
            assert 1 <= len(few) <= size and len({other.tokens for other in few}) == len(few)
            assert ranks == sorted(ranks, reverse=True)
            assert ranks[0] >= combined(scorers, one) - 1e-9
            better += ranks[0] > combined(scorers, one) + 1e-6
    assert better > 0  # or nothing is shown


@pytest.mark.parametrize("batch_size", [1, 8, 32])
def test_scorers_see_each_row_alone(pairs, network, sound, batch_size: int) -> None:
    search = TransducerSearch(4, 3, (Weighted(pairs(2, 5), 0.5), Weighted(pairs(3, 5), 1.0)))
    steps, heard = sound(*[1 + 5 * n % 9 for n in range(32)]), network(32, 5, blank=1.0)
    together = search(steps, heard)
    rows = steps.rows()
    for start in range(0, 32, batch_size):
        part = Padded.stack(rows[start : start + batch_size])
        some = search(part, heard._replace(state=heard.state[:batch_size]))
        for few, expected in zip(some, together[start:]):
            assert [one.tokens for one in few] == [one.tokens for one in expected]
            scores = [one.score for one in expected]
            assert [one.score for one in few] == pytest.approx(scores, abs=1e-5)


@pytest.mark.parametrize("size", [1, 4])
def test_where_all_is_forbidden_the_answer_is_empty(pairs, network, sound, size: int) -> None:
    never = pairs(0, 4)
    never.end = torch.full((4,), -torch.inf)
    steps, heard = sound(5, 3), network(2, 4)
    for weight in (0.0, 1.0):
        search = TransducerSearch(size, 2, (Weighted(never, weight),))
        for row, few in zip(steps.rows(), search(steps, heard)):
            (one,) = few
            assert one.tokens == ()
            assert one.score == pytest.approx(exact(row, (), heard), abs=1e-5)


@pytest.mark.parametrize("sizes", [{"size": 0}, {"max_symbols": 0}])
def test_an_impossible_search_is_refused(sizes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="expected size and max_symbols >= 1, got"):
        TransducerSearch(**sizes)
