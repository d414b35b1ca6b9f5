"""Decoding of attention models: symbols one after another until the end is written."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol, Self, TypeVar

import torch
from torch import Tensor

from rnnmm.decode.hypothesis import Hypothesis
from rnnmm.domain import NotNegative, Size

END = 0
"""The symbol that every answer begins after and ends with."""


class State(Protocol):
    """What a model knows after some symbols: a value, one row per hypothesis."""

    def repeat(self, width: int) -> Self:
        """Every row so many times, one behind the other."""
        ...

    def select(self, rows: Tensor) -> Self:
        """These rows ``(M,)``, each of the same item as the row whose place it takes."""
        ...


S = TypeVar("S", bound=State)
Step = Callable[[Tensor, S], tuple[Tensor, Tensor, S]]
"""Symbols ``(M,)`` and a state of M rows to log-probabilities ``(M, K)`` of what follows, the
input's steps ``(M,)`` that have been attended to so far, and the next state."""


@dataclass(frozen=True, slots=True)
class AttentionSearch:
    """How widely, and for what, to search.

    Args:
        size: hypotheses kept of each row; 1 is greedy.
        length_power: hypotheses are ranked by log-probability / length ** this; 0 favours short
            ones, 1 ranks by the mean of their symbols, the end among them.
        coverage: in nats, what the rank gains for each step of the input that has been attended
            to, once however often: against answers that leave something out.

    Raises:
        ValueError: A size below 1, or another figure below 0.

    Source:
        Wu et al. 2016, arXiv 1609.08144, equation 14 (length, without its constant); Chorowski &
        Jaitly 2017, arXiv 1612.02695, equation 11 (coverage).
    """

    size: Size = 1
    length_power: NotNegative = 0.0
    coverage: NotNegative = 0.0

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"AttentionSearch: expected size >= 1, got {self.size}")
        if min(self.length_power, self.coverage) < 0:
            raise ValueError(
                f"AttentionSearch: expected length_power and coverage >= 0, got "
                f"{self.length_power:g} and {self.coverage:g}"
            )


class _Paths(NamedTuple):
    """What has been written: ``(B, W, U)`` symbols, and ``(B, W)`` of each path.

    total: log-probability, -inf where there is no path. length: symbols, the end among them.
    covered: steps attended to. rank: what the paths are ordered by.
    """

    symbols: Tensor
    total: Tensor
    length: Tensor
    covered: Tensor
    rank: Tensor
    ended: Tensor


def attention_beam(
    step: Step[S], state: S, max_symbols: Tensor, search: AttentionSearch = AttentionSearch()
) -> list[list[Hypothesis]]:
    """Follows the best few beginnings of every row until all of them have ended.

    The greedy path always keeps a place, so that no beam ends with a lower rank than it. A path
    that has ended keeps its place for as long as no other outranks it. The rows of a batch are
    searched together and do not see each other. Of equals, the one found first wins.

    Args:
        step: the model.
        state: before the first symbol, of B rows.
        max_symbols: ``(B,)`` int64 on the state's device; after so many, only the end can follow.
        search: how.

    Returns:
        For every row at most ``size`` hypotheses, best rank first, none of them twice; their
        scores are log-probabilities, that of the end included, whatever the ranking.
    """
    paths = _begin(max_symbols, search.size)
    state = state.repeat(search.size)
    for count in range(int(max_symbols.max()) + 1):
        scores, covered, state = step(paths.symbols[..., -1].flatten(), state)
        scores = scores.double().reshape(*paths.total.shape, -1)  # (B, W, K)
        scores = _allowed(scores, paths, max_symbols <= count)
        seen = covered.reshape(paths.covered.shape).to(paths.covered)
        paths = paths._replace(covered=torch.where(paths.ended, paths.covered, seen))
        paths, parents = _grown(paths, scores, search)
        state = state.select(parents)
        if bool(paths.ended.all()):
            break
    return _hypotheses(paths)


def _begin(like: Tensor, size: int) -> _Paths:
    """One path per row, which holds the beginning alone, and free places."""
    zeros = like.new_zeros(len(like), size)  # (B, W)
    total = zeros.double().fill_(-torch.inf)
    total[:, 0] = 0.0
    is_free = total != 0.0
    return _Paths(zeros[..., None], total, zeros, zeros.double(), total, is_free)


def _allowed(scores: Tensor, paths: _Paths, is_full: Tensor) -> Tensor:
    """``(B, W, K)``: -inf where a path may not go, 0 where one that has ended stays."""
    is_end = torch.arange(scores.shape[2], device=scores.device) == END  # (K,)
    scores = scores.masked_fill(is_full[:, None, None] & ~is_end, -torch.inf)
    over = torch.zeros_like(is_end, dtype=scores.dtype).masked_fill(~is_end, -torch.inf)
    return torch.where(paths.ended[..., None], over, scores)


def _grown(paths: _Paths, scores: Tensor, search: AttentionSearch) -> tuple[_Paths, Tensor]:
    """The best continuations, and which row ``(B W,)`` of the state each goes on from."""
    batch, width, num_outputs = scores.shape
    total = paths.total[..., None] + scores  # (B, W, K)
    length = paths.length + (~paths.ended).long()  # (B, W)
    rank = total / length.clamp(min=1).double().pow(search.length_power)[..., None]
    rank = rank + search.coverage * paths.covered[..., None]
    best = _best(rank, scores[:, 0].argmax(dim=1), width)  # (B, W)
    parent, symbol = best // num_outputs, best % num_outputs
    first = torch.arange(batch, device=best.device)[:, None]
    symbols = torch.cat([paths.symbols[first, parent], symbol[..., None]], dim=2)
    kept = _Paths(
        symbols, total.flatten(1).gather(1, best), length.gather(1, parent),
        paths.covered.gather(1, parent), rank.flatten(1).gather(1, best),
        paths.ended.gather(1, parent) | (symbol == END),
    )  # fmt: skip
    return kept, (first * width + parent).flatten()


def _best(rank: Tensor, greedy: Tensor, width: int) -> Tensor:
    """``(B, W)`` indices into ``(B, W K)``: the greedy symbol of the first path, then by rank."""
    order = rank.flatten(1).scatter(1, greedy[:, None], torch.inf)
    return order.sort(dim=1, descending=True, stable=True).indices[:, :width]


def _hypotheses(paths: _Paths) -> list[list[Hypothesis]]:
    order = paths.rank.sort(dim=1, descending=True, stable=True).indices.tolist()
    symbols, totals = paths.symbols.tolist(), paths.total.tolist()
    return [
        [
            # 0 before, 0 as the end, 0 behind it: what else there is was written.
            Hypothesis(tuple(filter(None, symbols[row][place])), totals[row][place])
            for place in places
            if totals[row][place] != -torch.inf
        ]
        for row, places in enumerate(order)
    ]
