"""Decoding of transducers: steps to symbols, of which a step may have any number."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from rnnmm.batch import Padded
from rnnmm.decode.hypothesis import Hypothesis
from rnnmm.domain import Size

_WINDOW = 8  # steps that greedy decoding looks ahead at once for the next symbol


class Network(NamedTuple):
    """A transducer's network behind its encoder, as the searches see it.

    predict: symbols ``(M,)`` and a state ``(M, S)`` to what is then written ``(M, J)`` and the
    next state. join: steps and what is written, both ``(..., J)``, to log-probabilities
    ``(..., K)`` of the symbols, the blank at 0. state: ``(B, S)``, before the beginning.
    """

    predict: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
    join: Callable[[Tensor, Tensor], Tensor]
    state: Tensor


@dataclass(frozen=True, slots=True)
class TransducerSearch:
    """How widely to search.

    Args:
        size: hypotheses kept of each row; 1 is greedy.
        max_symbols: at most so many at one step; in a beam, so many per step on average.

    Raises:
        ValueError: One of them is below 1.
    """

    size: Size = 1
    max_symbols: Size = 5

    def __post_init__(self) -> None:
        if min(self.size, self.max_symbols) < 1:
            raise ValueError(
                f"TransducerSearch: expected size and max_symbols >= 1, got {self.size} and "
                f"{self.max_symbols}"
            )

    def __call__(self, steps: Padded, network: Network) -> list[list[Hypothesis]]:
        """``(B, T, J)`` -> for each row at most ``size`` answers, best first, none of them twice.

        The greedy answer takes part, so that no beam answers with a lower score than it.
        """
        greedy = greedy_transducer(steps, network, self.max_symbols)
        if self.size == 1:
            return [[one] for one in greedy]
        found = transducer_beam(steps, network, self.size, self.max_symbols)
        return [_ranked([*row, one])[: self.size] for row, one in zip(found, greedy)]


def greedy_transducer(
    steps: Padded, network: Network, max_symbols: int = 5, window: int = _WINDOW
) -> list[Hypothesis]:
    """The best of the symbols and the blank, one after another.

    All rows of a batch look for their next symbol at once, each from the step at which it stands.

    Args:
        steps: ``(B, T, J)``.
        network: what follows the encoder.
        max_symbols: after so many at one step comes a blank.
        window: steps looked at together; it changes nothing but the speed.

    Returns:
        One hypothesis a row; its score is the log-probability of the path that was taken.

    Source:
        Xu et al. 2024, "Label-looping", arXiv 2406.06220.
    """
    path = _begin_path(steps, network)
    lengths = steps.lengths.to(steps.data.device)
    while bool((path.step < lengths).any()):
        path = _next_symbol(path, steps, lengths, network, max_symbols, window)
    symbols, totals = path.symbols.tolist(), path.total.tolist()
    return [Hypothesis(tuple(filter(None, row)), total) for row, total in zip(symbols, totals)]


class _Path(NamedTuple):
    """Where each row stands: ``(B, ...)``; symbols ``(B, U)`` with 0 where none was found.

    burst: symbols in a row that were written at this step.
    """

    symbols: Tensor
    total: Tensor
    step: Tensor
    burst: Tensor
    written: Tensor
    state: Tensor


def _begin_path(steps: Padded, network: Network) -> _Path:
    zeros = torch.zeros(len(steps.lengths), dtype=torch.int64, device=steps.data.device)
    written, state = network.predict(zeros, network.state)
    return _Path(zeros[:, None][:, :0], zeros.double(), zeros, zeros, written, state)


def _next_symbol(
    path: _Path, steps: Padded, lengths: Tensor, network: Network, max_symbols: int, window: int
) -> _Path:
    """Goes on to the next symbol of each row, or to the end of the window."""
    row = torch.arange(len(lengths), device=lengths.device)
    index = path.step[:, None] + torch.arange(window, device=lengths.device)  # (B, W)
    ahead = steps.data[row[:, None], index.clamp(max=steps.data.shape[1] - 1)]  # (B, W, J)
    log_probs = network.join(ahead, path.written[:, None]).double()  # (B, W, K)
    score, symbol = log_probs.max(dim=2)  # (B, W)
    is_symbol = (symbol > 0) & (index < lengths[:, None])
    is_symbol[:, 0] &= path.burst < max_symbols
    skipped = (is_symbol.cumsum(1) == 0) & (index < lengths[:, None])
    moved = skipped.sum(dim=1)  # (B,)
    found = is_symbol.any(dim=1)
    first = is_symbol.long().argmax(dim=1)
    total = path.total + log_probs[..., 0].masked_fill(~skipped, 0.0).sum(dim=1)
    total = total + score[row, first].masked_fill(~found, 0.0)
    new = symbol[row, first].masked_fill(~found, 0)
    burst = path.burst.masked_fill(moved > 0, 0) + found.long()
    written, state = network.predict(new, path.state)
    return _Path(
        torch.cat([path.symbols, new[:, None]], dim=1), total, path.step + moved, burst,
        torch.where(found[:, None], written, path.written),
        torch.where(found[:, None], state, path.state),
    )  # fmt: skip


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
    """The best that have come to their end: ``(B, W, U)`` symbols and their totals ``(B, W)``."""

    symbols: Tensor
    total: Tensor


def transducer_beam(
    steps: Padded, network: Network, size: int, max_symbols: int = 5
) -> list[list[Hypothesis]]:
    """Follows the best few beginnings of every row, all of them by one symbol or blank at a time.

    So those compared are equally long paths, and equal beginnings, which meet at the same step,
    become one. The rows of a batch do not see each other.

    Args:
        steps: ``(B, T, J)``.
        network: what follows the encoder.
        size: W, beginnings kept of each row.
        max_symbols: no answer has more than so many per step.

    Returns:
        For every row at most W hypotheses, best first, none of them twice; a score is the
        log-probability of all alignments that were followed.

    Source:
        Saon et al. 2020, "Alignment-length synchronous decoding for RNN transducer".
    """
    lengths = steps.lengths.to(steps.data.device)[:, None]  # (B, 1)
    beam = _begin_beam(steps, network, size)
    pool = _Pool(beam.symbols, torch.full_like(beam.total, -torch.inf))
    for _ in range(steps.data.shape[1] * (1 + max_symbols)):  # the longest path of all
        scores = _score(beam, steps, network)  # (B, W, K)
        scores[..., 1:].masked_fill_((beam.length >= max_symbols * lengths)[..., None], -torch.inf)
        _merge(beam, scores)
        is_last = beam.step + 1 == lengths
        pool = _ended(beam, pool, scores[..., 0].masked_fill(~is_last, -torch.inf))
        scores[..., 0].masked_fill_(is_last, -torch.inf)
        beam = _grown(beam, scores, network)
        if _is_over(beam, pool):
            break
    return [
        [
            Hypothesis(tuple(filter(None, symbols)), total)
            for symbols, total in zip(*row)
            if total != -torch.inf
        ]
        for row in zip(pool.symbols.tolist(), pool.total.tolist())
    ]


def _begin_beam(steps: Padded, network: Network, size: int) -> _Beam:
    """The empty beginning in the first place, the others free."""
    path = _begin_path(steps, network)
    zeros = path.step[:, None].repeat(1, size)  # (B, W)
    total = torch.full_like(zeros, -torch.inf, dtype=torch.float64)
    total[:, 0] = 0.0
    wide = [part[:, None].repeat(1, size, 1) for part in (path.written, path.state)]
    return _Beam(zeros[..., None], zeros, total, zeros, *wide)


def _is_over(beam: _Beam, pool: _Pool) -> bool:
    """Whether nothing more can enter the pool: even together all beginnings are too unlikely."""
    return bool((beam.total.logsumexp(dim=1) <= pool.total.min(dim=1).values).all())


def _score(beam: _Beam, steps: Padded, network: Network) -> Tensor:
    """``(B, W, K)``: of each beginning with one more symbol, or a blank."""
    row = torch.arange(len(beam.step), device=beam.step.device)[:, None]
    here = steps.data[row, beam.step.clamp(max=steps.data.shape[1] - 1)]  # (B, W, J)
    total = beam.total[..., None]
    scores = network.join(here, beam.written).double() + total
    # A free place has no step to stand at: whatever was joined there counts nothing.
    return torch.where(total == -torch.inf, -torch.inf, scores)


def _merge(beam: _Beam, scores: Tensor) -> None:
    """Gives what a symbol makes equal to another beginning with a blank to that one, in place."""
    end = (beam.length - 1).clamp(min=0)[..., None]
    last = beam.symbols.gather(2, end)[..., 0]  # (B, W), 0 of the empty beginning
    shorter = beam.symbols.scatter(2, end, 0)
    is_equal = (shorter[:, :, None] == beam.symbols[:, None]).all(dim=3)  # (B, W, W)
    is_there = beam.total > -torch.inf
    is_equal &= (is_there & (beam.length > 0))[:, :, None] & is_there[:, None]
    row, longer, other = is_equal.nonzero(as_tuple=True)
    symbol = last[row, longer]
    both = torch.logaddexp(scores[row, longer, 0], scores[row, other, symbol])
    scores[row, longer, 0] = both
    scores[row, other, symbol] = -torch.inf


def _ended(beam: _Beam, pool: _Pool, total: Tensor) -> _Pool:
    """The pool with those beginnings that end with a total ``(B, W)`` above -inf."""
    grow = beam.symbols.shape[2] - pool.symbols.shape[2]
    known = torch.nn.functional.pad(pool.symbols, (0, grow))
    totals = torch.cat([pool.total, total], dim=1)  # (B, 2 W)
    kept = totals.sort(dim=1, descending=True, stable=True).indices[:, : total.shape[1]]
    symbols = torch.cat([known, beam.symbols], dim=1)
    return _Pool(_rows(symbols, kept), totals.gather(1, kept))


def _grown(beam: _Beam, scores: Tensor, network: Network) -> _Beam:
    """The best continuations."""
    _, width, num_outputs = scores.shape
    total, best = scores.flatten(1).sort(dim=1, descending=True, stable=True)
    total, best = total[:, :width], best[:, :width]
    parent, symbol = best // num_outputs, best % num_outputs
    old = _Beam(*[_rows(part, parent) for part in beam])
    is_symbol = symbol > 0
    symbols = torch.nn.functional.pad(old.symbols, (0, 1))
    symbols = symbols.scatter(2, old.length[..., None], symbol[..., None])
    written, state = network.predict(symbol.flatten(), old.state.flatten(0, 1))
    return _Beam(
        symbols[..., : int((old.length + is_symbol).max()) + 1], old.length + is_symbol, total,
        old.step + ~is_symbol,
        torch.where(is_symbol[..., None], written.reshape(old.written.shape), old.written),
        torch.where(is_symbol[..., None], state.reshape(old.state.shape), old.state),
    )  # fmt: skip


def _rows(values: Tensor, index: Tensor) -> Tensor:
    """``(B, W, ...)`` at ``(B, W')`` of their second axis."""
    row = torch.arange(len(values), device=values.device)[:, None]
    return values[row, index]


def _ranked(hypotheses: list[Hypothesis]) -> list[Hypothesis]:
    """Best first, each answer once, with the better of its scores."""
    best: dict[tuple[int, ...], Hypothesis] = {}
    for one in sorted(hypotheses, key=lambda one: -one.score):
        best.setdefault(one.tokens, one)
    return list(best.values())
