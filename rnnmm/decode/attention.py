"""Decoding of attention models: symbols one after another until the end is written.

Language models and the like may have a say in each of them, and in the end.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, Self, TypeVar

import torch
from torch import Tensor

from rnnmm.decode.fusion import Fusion, Weighted, advance_fusion, begin_fusion, end_fusion
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
    """How widely, and for what, to search, and who has a say.

    Args:
        size: hypotheses kept of each row; 1 is greedy where nobody else has a say.
        length_power: hypotheses are ranked by (log-probability + what scorers add) / length **
            this; 0 favours short ones, 1 ranks by the mean of their symbols, the end among them.
        coverage: in nats, what the rank gains for each step of the input that has been attended
            to, once however often: against answers that leave something out.
        scorers: with their weights.

    Raises:
        ValueError: A size below 1, or another figure below 0.

    Source:
        Wu et al. 2016, arXiv 1609.08144, equation 14 (length, without its constant); Chorowski &
        Jaitly 2017, arXiv 1612.02695, equation 11 (coverage).
    """

    size: Size = 1
    length_power: NotNegative = 0.0
    coverage: NotNegative = 0.0
    scorers: tuple[Weighted, ...] = ()

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

    total: log-probability, -inf where there is no path. said: what scorers add, of the end too
    where it has ended. length: symbols, the end among them. covered: steps attended to. rank: what
    the paths are ordered by.
    """

    symbols: Tensor
    total: Tensor
    said: Tensor
    length: Tensor
    covered: Tensor
    rank: Tensor
    ended: Tensor


@torch.no_grad()
def attention_beam(
    step: Step[S], state: S, max_symbols: Tensor, search: AttentionSearch = AttentionSearch()
) -> list[list[Hypothesis]]:
    """Follows the best few beginnings of every row until all of them have ended.

    The model's greedy path always keeps a place, beside ``size`` others where scorers have a say,
    so that no beam ends with a lower rank than it. A path that has ended keeps its place for as
    long as no other outranks it. The rows of a batch are searched together and do not see each
    other. Of equals, the one found first wins.

    Args:
        step: the model.
        state: before the first symbol, of B rows.
        max_symbols: ``(B,)`` int64 on the state's device; after so many, only the end can follow.
        search: how.

    Returns:
        For every row at most ``size`` hypotheses, best rank first, none of them twice, at least
        one: where the scorers forbid all that was kept, it is the empty one. Their scores are
        log-probabilities, that of the end included, whatever the ranking.
    """
    width = search.size + bool(search.scorers)
    paths = _begin(max_symbols, width)
    state = state.repeat(width)
    for count in range(int(max_symbols.max()) + 1):
        scores, covered, state = step(paths.symbols[..., -1].flatten(), state)
        scores = scores.double().reshape(*paths.total.shape, -1)  # (B, W, K)
        if not count:  # only now it is known how many symbols there are
            silence = scores[:, 0, END].tolist()
            fusion = begin_fusion(search.scorers, scores[:, 0], width)
        scores = _allowed(scores, paths, max_symbols <= count)
        seen = covered.reshape(paths.covered.shape).to(paths.covered)
        paths = paths._replace(covered=torch.where(paths.ended, paths.covered, seen))
        paths, parents = _grown(paths, scores, _said(paths, fusion, search.scorers), search)
        grows = torch.where(paths.ended, -1, paths.symbols[..., -1])
        fusion = advance_fusion(fusion, search.scorers, parents, grows)
        state = state.select(_flat(parents))
        if bool(paths.ended.all()):
            break
    found = _hypotheses(paths)
    return [few[: search.size] or [Hypothesis((), end)] for few, end in zip(found, silence)]


def _begin(like: Tensor, width: int) -> _Paths:
    """One path per row, which holds the beginning alone, and free places."""
    zeros = like.new_zeros(len(like), width)  # (B, W)
    total = zeros.double().fill_(-torch.inf)
    total[:, 0] = 0.0
    nothing = zeros.double()
    return _Paths(zeros[..., None], total, nothing, zeros, nothing, total, total != 0.0)


def _allowed(scores: Tensor, paths: _Paths, is_full: Tensor) -> Tensor:
    """``(B, W, K)``: -inf where a path may not go, 0 where one that has ended stays."""
    is_end = torch.arange(scores.shape[2], device=scores.device) == END  # (K,)
    scores = scores.masked_fill(is_full[:, None, None] & ~is_end, -torch.inf)
    over = torch.zeros_like(is_end, dtype=scores.dtype).masked_fill(~is_end, -torch.inf)
    return torch.where(paths.ended[..., None], over, scores)


def _said(paths: _Paths, fusion: Fusion, scorers: Sequence[Weighted]) -> Tensor:
    """``(B, W, K)``: what scorers add to each path with one more symbol, or with its end."""
    more = fusion.following.clone()
    more[..., END] = end_fusion(fusion, scorers)
    is_over = paths.ended[..., None]
    return torch.where(is_over, paths.said[..., None], fusion.total[..., None] + more)


def _grown(
    paths: _Paths, scores: Tensor, said: Tensor, search: AttentionSearch
) -> tuple[_Paths, Tensor]:
    """The best continuations, and which of the paths ``(B, W)`` each goes on from.

    One that is impossible has no total, and counts as one that has ended.
    """
    width, num_outputs = scores.shape[1:]
    total = paths.total[..., None] + scores  # (B, W, K)
    length = paths.length + (~paths.ended).long()  # (B, W)
    rank = (total + said) / length.clamp(min=1).double().pow(search.length_power)[..., None]
    rank = rank + search.coverage * paths.covered[..., None]
    best = _best(rank, scores[:, 0].argmax(dim=1), width)  # (B, W)
    parent, symbol = best // num_outputs, best % num_outputs
    first = torch.arange(len(best), device=best.device)[:, None]
    symbols = torch.cat([paths.symbols[first, parent], symbol[..., None]], dim=2)
    rank = rank.flatten(1).gather(1, best)
    is_dead = rank == -torch.inf
    kept = _Paths(
        symbols, total.flatten(1).gather(1, best).masked_fill(is_dead, -torch.inf),
        said.flatten(1).gather(1, best), length.gather(1, parent),
        paths.covered.gather(1, parent), rank,
        paths.ended.gather(1, parent) | (symbol == END) | is_dead,
    )  # fmt: skip
    return kept, parent


def _best(rank: Tensor, greedy: Tensor, width: int) -> Tensor:
    """``(B, W)`` indices into ``(B, W K)``: the greedy symbol of the first path, then by rank."""
    order = rank.flatten(1).scatter(1, greedy[:, None], torch.inf)
    return order.sort(dim=1, descending=True, stable=True).indices[:, :width]


def _flat(parents: Tensor) -> Tensor:
    """``(B W,)`` rows of a state, from ``(B, W)`` places in each row of the beam."""
    batch, width = parents.shape
    return (torch.arange(batch, device=parents.device)[:, None] * width + parents).flatten()


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
