"""Decoding of transducers by beam search, with language models and the like in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from rnnmm.batch import Padded
from rnnmm.decode.fusion import (
    Fusion,
    Weighted,
    advance_fusion,
    begin_fusion,
    end_fusion,
    score_sequences,
)
from rnnmm.decode.hypothesis import Hypothesis
from rnnmm.decode.transducer_greedy import Network, greedy_transducer
from rnnmm.domain import Size

_NEVER = -torch.inf


@dataclass(frozen=True, slots=True)
class TransducerSearch:
    """How widely to search, and who has a say.

    Args:
        size: hypotheses kept of each row; 1 is greedy where nobody else has a say.
        max_symbols: at most so many at one step; in a beam, so many per step on average.
        scorers: with their weights.

    Raises:
        ValueError: ``size`` or ``max_symbols`` is below 1.
    """

    size: Size = 1
    max_symbols: Size = 5
    scorers: tuple[Weighted, ...] = ()

    def __post_init__(self) -> None:
        if min(self.size, self.max_symbols) < 1:
            raise ValueError(
                f"TransducerSearch: expected size and max_symbols >= 1, got {self.size} and "
                f"{self.max_symbols}"
            )

    def __call__(self, steps: Padded, network: Network) -> list[list[Hypothesis]]:
        """``(B, T, J)`` -> for each row at most ``size`` answers, best rank first, at least one.

        None of them comes twice. The greedy answer takes part, so that no beam answers with a
        lower rank than it. Where the scorers forbid all that was found, the answer is empty.
        """
        greedy = greedy_transducer(steps, network, self.max_symbols)
        if self.size == 1 and not self.scorers:
            return [[one] for one in greedy]
        symbols = [one.tokens for one in greedy]
        said = score_sequences(self.scorers, symbols, _outputs(steps, network))
        found = _ranked(_follow(steps, network, self))
        for row, one, more in zip(found, greedy, said.tolist()):
            row.append((one.score + more, one))
        answers = [_best(row)[: self.size] for row in found]
        if all(answers):
            return answers
        silence = _silence(steps, network)
        return [few or [Hypothesis((), score)] for few, score in zip(answers, silence)]


class _Beam(NamedTuple):
    """The beginnings that are kept, ``(B, W, ...)``; total is -inf where there is none.

    symbols: ``(B, W, U)``, 0 behind the last. length: of them. step: where it stands.
    """

    symbols: Tensor
    length: Tensor
    total: Tensor
    step: Tensor
    written: Tensor
    state: Tensor


class _Pool(NamedTuple):
    """The best that have come to their end: ``(B, W, U)`` symbols, and ``(B, W)`` of each.

    total: log-probability. rank: that and what the scorers add; -inf where there is none.
    """

    symbols: Tensor
    total: Tensor
    rank: Tensor


def transducer_beam(
    steps: Padded, network: Network, search: TransducerSearch
) -> list[list[Hypothesis]]:
    """Follows the best few beginnings of every row, all of them by one symbol or blank at a time.

    So those compared are equally long paths, and equal beginnings, which meet at the same step,
    become one. They are ranked by log-probability + weighted scores, of the end too where they
    end. A row is done when it has as many answers as it may keep and no beginning outranks the
    last of them: what scorers might add later is not waited for. The rows of a batch do not see
    each other.

    Args:
        steps: ``(B, T, J)``.
        network: what follows the encoder.
        search: how; no answer has more than ``max_symbols`` per step.

    Returns:
        For every row at most ``size`` hypotheses, best rank first, none of them twice; a score is
        the log-probability of all alignments that were followed, whatever the ranking.

    Source:
        Saon et al. 2020, "Alignment-length synchronous decoding for RNN transducer".
    """
    return [_best(row) for row in _ranked(_follow(steps, network, search))]


@torch.no_grad()
def _follow(steps: Padded, network: Network, search: TransducerSearch) -> _Pool:
    lengths = steps.lengths.to(steps.data.device)[:, None]  # (B, 1)
    most = search.max_symbols * lengths
    beam, fusion = _begin(steps, network, search)
    nothing = torch.full_like(beam.total, _NEVER)
    pool = _Pool(beam.symbols, nothing, nothing)
    for _ in range(steps.data.shape[1] * (1 + search.max_symbols)):  # the longest path of all
        scores = _score(beam, steps, network)  # (B, W, K)
        scores[..., 1:].masked_fill_((beam.length >= most)[..., None], _NEVER)
        _merge(beam, scores)
        is_last = beam.step + 1 == lengths
        ending = scores[..., 0].masked_fill(~is_last, _NEVER)
        pool = _ended(beam, pool, ending, fusion, search.scorers)
        scores[..., 0].masked_fill_(is_last, _NEVER)
        beam, fusion = _grown(beam, scores, fusion, network, search.scorers)
        is_over = _is_over(beam, fusion, pool)
        if bool(is_over.all()):
            break
        beam = beam._replace(total=beam.total.masked_fill(is_over[:, None], _NEVER))
    return pool


def _begin(steps: Padded, network: Network, search: TransducerSearch) -> tuple[_Beam, Fusion]:
    """The empty beginning in the first place, the others free."""
    device = steps.data.device
    zeros = torch.zeros(len(steps.lengths), search.size, dtype=torch.int64, device=device)
    written, state = network.predict(zeros[:, 0], network.state)
    total = torch.full_like(zeros, _NEVER, dtype=torch.float64)
    total[:, 0] = 0.0
    wide = [part[:, None].repeat(1, search.size, 1) for part in (written, state)]
    fusion = begin_fusion(search.scorers, _outputs(steps, network), search.size)
    return _Beam(zeros[..., None], zeros, total, zeros, *wide), fusion


def _outputs(steps: Padded, network: Network) -> Tensor:
    """``(B, K)`` float64: the scores at the first step, for their shape and device."""
    written, _ = network.predict(steps.lengths.to(steps.data.device) * 0, network.state)
    return network.join(steps.data[:, 0], written).double()


def _is_over(beam: _Beam, fusion: Fusion, pool: _Pool) -> Tensor:
    """``(B,)``: where all beginnings are too unlikely, even together, to enter the pool."""
    rank = (beam.total + fusion.total).logsumexp(dim=1)
    return rank <= pool.rank.min(dim=1).values


def _score(beam: _Beam, steps: Padded, network: Network) -> Tensor:
    """``(B, W, K)``: of each beginning with one more symbol, or a blank."""
    row = torch.arange(len(beam.step), device=beam.step.device)[:, None]
    here = steps.data[row, beam.step.clamp(max=steps.data.shape[1] - 1)]  # (B, W, J)
    total = beam.total[..., None]
    scores = network.join(here, beam.written).double() + total
    # A free place has no step to stand at: whatever was joined there counts nothing.
    return torch.where(total == _NEVER, _NEVER, scores)


def _merge(beam: _Beam, scores: Tensor) -> None:
    """Gives what a symbol makes equal to another beginning with a blank to that one, in place."""
    end = (beam.length - 1).clamp(min=0)[..., None]
    last = beam.symbols.gather(2, end)[..., 0]  # (B, W), 0 of the empty beginning
    shorter = beam.symbols.scatter(2, end, 0)
    is_equal = (shorter[:, :, None] == beam.symbols[:, None]).all(dim=3)  # (B, W, W)
    is_there = beam.total > _NEVER
    is_equal &= (is_there & (beam.length > 0))[:, :, None] & is_there[:, None]
    row, longer, other = is_equal.nonzero(as_tuple=True)
    symbol = last[row, longer]
    both = torch.logaddexp(scores[row, longer, 0], scores[row, other, symbol])
    scores[row, longer, 0] = both
    scores[row, other, symbol] = _NEVER


def _ended(
    beam: _Beam, pool: _Pool, total: Tensor, fusion: Fusion, scorers: Sequence[Weighted]
) -> _Pool:
    """The pool with those beginnings that end with a total ``(B, W)`` above -inf."""
    if bool((total == _NEVER).all()):  # before scorers are asked in vain
        return pool
    grow = beam.symbols.shape[2] - pool.symbols.shape[2]
    known = torch.nn.functional.pad(pool.symbols, (0, grow))
    rank = torch.cat([pool.rank, total + fusion.total + end_fusion(fusion, scorers)], dim=1)
    kept = rank.sort(dim=1, descending=True, stable=True).indices[:, : total.shape[1]]
    symbols = torch.cat([known, beam.symbols], dim=1)
    totals = torch.cat([pool.total, total], dim=1)  # (B, 2 W)
    return _Pool(_rows(symbols, kept), totals.gather(1, kept), rank.gather(1, kept))


def _grown(
    beam: _Beam, scores: Tensor, fusion: Fusion, network: Network, scorers: Sequence[Weighted]
) -> tuple[_Beam, Fusion]:
    """The best continuations."""
    _, width, num_outputs = scores.shape
    # To a blank, scorers say nothing.
    said = fusion.total[..., None] + torch.nn.functional.pad(fusion.following[..., 1:], (1, 0))
    rank, best = (scores + said).flatten(1).sort(dim=1, descending=True, stable=True)
    rank, best = rank[:, :width], best[:, :width]
    parent, symbol = best // num_outputs, best % num_outputs
    total = scores.flatten(1).gather(1, best).masked_fill(rank == _NEVER, _NEVER)
    old = _Beam(*[_rows(part, parent) for part in beam])
    is_symbol = symbol > 0
    symbols = torch.nn.functional.pad(old.symbols, (0, 1))
    symbols = symbols.scatter(2, old.length[..., None], symbol[..., None])
    written, state = network.predict(symbol.flatten(), old.state.flatten(0, 1))
    grown = _Beam(
        symbols[..., : int((old.length + is_symbol).max()) + 1], old.length + is_symbol, total,
        old.step + ~is_symbol,
        torch.where(is_symbol[..., None], written.reshape(old.written.shape), old.written),
        torch.where(is_symbol[..., None], state.reshape(old.state.shape), old.state),
    )  # fmt: skip
    heard = torch.where(is_symbol & (rank > _NEVER), symbol, -1)
    return grown, advance_fusion(fusion, scorers, parent, heard)


def _rows(values: Tensor, index: Tensor) -> Tensor:
    """``(B, W, ...)`` at ``(B, W')`` of their second axis."""
    row = torch.arange(len(values), device=values.device)[:, None]
    return values[row, index]


def _silence(steps: Padded, network: Network) -> list[float]:
    """Of each row, the log-probability of a blank at every step."""
    written, _ = network.predict(steps.lengths.to(steps.data.device) * 0, network.state)
    blank = network.join(steps.data, written[:, None])[..., 0].double()  # (B, T)
    return blank.masked_fill(~steps.mask, 0.0).sum(dim=1).tolist()


def _ranked(pool: _Pool) -> list[list[tuple[float, Hypothesis]]]:
    """What has ended of each row, with its rank, best first."""
    columns = (pool.rank.tolist(), pool.symbols.tolist(), pool.total.tolist())
    return [
        [
            (rank, Hypothesis(tuple(filter(None, symbols)), total))
            for rank, symbols, total in zip(*row)
            if rank > _NEVER
        ]
        for row in zip(*columns)
    ]


def _best(found: Sequence[tuple[float, Hypothesis]]) -> list[Hypothesis]:
    """What is possible, best rank first, each answer once, with the better of its ranks."""
    best: dict[tuple[int, ...], Hypothesis] = {}
    for rank, one in sorted(found, key=lambda pair: -pair[0]):
        if rank > _NEVER:
            best.setdefault(one.tokens, one)
    return list(best.values())
