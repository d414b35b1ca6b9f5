"""Decoding of models that write one token after another."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from rnnmm.decode.hypothesis import Hypothesis
from rnnmm.domain import Count, NotNegative, Size

S = TypeVar("S")
Step = Callable[[Tensor, S], tuple[Tensor, S]]
"""Tokens ``(M,)`` and a state of M rows to logits ``(M, K)`` and the next state."""
Select = Callable[[S, Tensor], S]
"""A state and ``(N,)`` indices to the state of those rows, repeats included."""


class _Paths(NamedTuple):
    """What has been written: ``(B, W, U)`` tokens, and ``(B, W)`` of each path.

    total: log-probability. length: tokens that count, the end among them.
    """

    tokens: Tensor
    total: Tensor
    length: Tensor
    ended: Tensor


class Search(ABC):
    """A way to find answers, as a value that a config can name."""

    @abstractmethod
    def find(
        self, step: Step[S], select: Select[S], state: S, start: Tensor, end: int, max_tokens: int
    ) -> list[list[Hypothesis]]:
        """The answers of every row, best first.

        The rows of a batch do not see each other.

        Args:
            step: see `Step`.
            select: see `Select`.
            state: before the first token, of B rows.
            start: ``(B,)`` int64, the token every row begins with.
            end: the token that ends a row; it is not part of the answer, but of its score.
            max_tokens: a path that has not ended by then is cut.

        Returns:
            For every row at least one hypothesis, none of them twice; their scores are
            log-probabilities whatever the ranking.
        """


@dataclass(frozen=True)
class Beam(Search):
    """How widely, and for what, to search.

    Args:
        size: hypotheses kept of each row; 1 is greedy.
        length_power: hypotheses are ranked by log-probability / length ** this; 0 favours short
            ones, 1 ranks by the mean of their tokens.
        min_tokens: none is shorter, unless ``max_tokens`` cuts it.
        block_ngrams: no run of so many tokens occurs twice in an answer; 0: any may.

    Raises:
        ValueError: A size below 1, or another figure below 0.
    """

    size: Size = 1
    length_power: NotNegative = 0.0
    min_tokens: Count = 0
    block_ngrams: Count = 0

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"Beam: expected size >= 1, got {self.size}")
        if min(self.length_power, self.min_tokens, self.block_ngrams) < 0:
            raise ValueError(
                f"Beam: expected length_power, min_tokens and block_ngrams >= 0, got "
                f"{self.length_power:g}, {self.min_tokens} and {self.block_ngrams}"
            )

    def find(
        self, step: Step[S], select: Select[S], state: S, start: Tensor, end: int, max_tokens: int
    ) -> list[list[Hypothesis]]:
        """At most ``size`` answers of every row: see `beam_write`."""
        return beam_write(step, select, state, start, end, max_tokens, self)


@dataclass(frozen=True)
class DiverseBeam(Search):
    """Several beams side by side, each of which shuns the tokens of those before it.

    All their answers are given, ranked together.

    Args:
        groups: beams; one alone is a plain beam.
        strength: what it takes from the rank of a token, for every path of an earlier beam that
            takes the same token at the same place, in nats.
        beam: how each of them searches.

    Source:
        Vijayakumar et al. 2018, arXiv 1610.02424 (Hamming diversity).
    """

    groups: Size = 3
    strength: NotNegative = 0.5
    beam: Beam = field(default_factory=Beam)

    def __post_init__(self) -> None:
        if self.groups < 1 or self.strength < 0:
            raise ValueError(
                f"DiverseBeam: expected groups >= 1 and strength >= 0, got {self.groups} and "
                f"{self.strength:g}"
            )

    def find(
        self, step: Step[S], select: Select[S], state: S, start: Tensor, end: int, max_tokens: int
    ) -> list[list[Hypothesis]]:
        """At most ``groups * beam.size`` answers of every row."""
        beams = [_begin(start)] * self.groups
        rows = torch.arange(len(start), device=start.device)
        state = select(state, rows.repeat_interleave(self.groups))  # (B G) rows
        for _ in range(max_tokens):
            last = [_last(paths, start).reshape(len(start), -1) for paths in beams]
            logits, state = step(torch.cat(last, dim=1).flatten(), state)  # (B G W, K)
            scores = logits.float().log_softmax(dim=-1)
            width = self.groups * last[0].shape[1]
            beams, parents = self._all_grown(beams, scores, end)
            state = select(state, _rows(parents, width))
            if all(bool(paths.ended.all()) for paths in beams):
                break
        return _ranked(beams, end, self.beam.length_power)

    def _all_grown(
        self, beams: list[_Paths], scores: Tensor, end: int
    ) -> tuple[list[_Paths], Tensor]:
        """Every beam a token further, and which path ``(B, G W')`` of a row each goes on from."""
        batch, width = beams[0].total.shape
        scores = scores.reshape(batch, self.groups, width, -1)  # (B, G, W, K)
        taken = torch.zeros_like(scores[:, 0, :1])  # (B, 1, K)
        grown, parents = [], []
        for group, paths in enumerate(beams):
            allowed = _allowed(scores[:, group].flatten(0, 1), paths, end, self.beam)
            penalty = self.strength * taken * ~paths.ended[..., None]
            after, parent = _grown(paths, allowed, end, self.beam, penalty)
            grown.append(after)
            parents.append(group * width + parent)
            fresh = (~paths.ended.gather(1, parent)).to(taken.dtype)  # (B, W')
            taken = taken.scatter_add(2, after.tokens[:, None, :, -1], fresh[:, None])
        return grown, torch.cat(parents, dim=1)


def beam_write(
    step: Step[S],
    select: Select[S],
    state: S,
    start: Tensor,
    end: int,
    max_tokens: int,
    beam: Beam = Beam(),
) -> list[list[Hypothesis]]:
    """Follows the best few beginnings of every row until all of them have ended.

    A path that has ended keeps its place for as long as no other outranks it. The rows of a batch
    are searched together and do not see each other. Of equals, the one found first wins.

    Args:
        step, select, state, start, end, max_tokens: as in `Search.find`.
        beam: how to search.

    Returns:
        For every row at most ``beam.size`` hypotheses, best rank first, none of them twice; their
        scores are log-probabilities whatever the ranking.
    """
    paths = _begin(start)
    for _ in range(max_tokens):
        logits, state = step(_last(paths, start), state)  # (B W, K)
        scores = _allowed(logits.float().log_softmax(dim=-1), paths, end, beam)  # (B, W, K)
        width = paths.total.shape[1]
        paths, parents = _grown(paths, scores, end, beam)
        state = select(state, _rows(parents, width))
        if bool(paths.ended.all()):
            break
    return _hypotheses(paths, end)


def _begin(start: Tensor) -> _Paths:
    """One empty path per row."""
    one = start[:, None]  # (B, 1)
    total = torch.zeros_like(one, dtype=torch.float64)
    return _Paths(one[..., None][..., :0], total, torch.zeros_like(one), one != one)


def _last(paths: _Paths, start: Tensor) -> Tensor:
    """``(B W,)``: the token each path is to go on from."""
    return paths.tokens[..., -1].flatten() if paths.tokens.shape[2] else start


def _allowed(scores: Tensor, paths: _Paths, end: int, beam: Beam) -> Tensor:
    """``(B W, K)`` log-probabilities to ``(B, W, K)``, -inf where a path may not go."""
    scores = scores.reshape(*paths.total.shape, -1)  # (B, W, K)
    num_tokens = paths.tokens.shape[2]
    ends = scores[..., end].clone()
    if num_tokens < beam.min_tokens:
        scores[..., end] = -torch.inf
    if 0 < beam.block_ngrams <= num_tokens:
        scores = scores.masked_fill(_repeats(paths.tokens, scores.shape[2], beam), -torch.inf)
    stuck = scores.isneginf().all(dim=2)  # where nothing may follow, a path ends
    scores[..., end] = torch.where(stuck, ends, scores[..., end])
    over = torch.full_like(scores[0, 0], -torch.inf)  # (K,)
    over[end] = 0.0  # a path that has ended goes on as it is, at no cost
    return torch.where(paths.ended[..., None], over, scores)


def _repeats(tokens: Tensor, num_outputs: int, beam: Beam) -> Tensor:
    """``(B, W, K)``: whether a token would complete an n-gram that is there already."""
    n = beam.block_ngrams
    windows = tokens.unfold(2, n, 1)  # (B, W, U - n + 1, n)
    beginning = tokens[..., None, tokens.shape[2] - n + 1 :]  # (B, W, 1, n - 1)
    found = (windows[..., :-1] == beginning).all(dim=-1)  # (B, W, U - n + 1)
    counts = torch.zeros(*tokens.shape[:2], num_outputs, device=tokens.device)
    return counts.scatter_add(2, windows[..., -1], found.float()) > 0


def _grown(
    paths: _Paths, scores: Tensor, end: int, beam: Beam, penalty: Tensor | float = 0.0
) -> tuple[_Paths, Tensor]:
    """The best continuations, and which path ``(B, W')`` each goes on from.

    The penalty, which is taken from the rank alone, fits ``(B, W, K)``.
    """
    width, num_outputs = scores.shape[1:]
    total = paths.total[..., None] + scores.double()  # (B, W, K)
    length = paths.length + (~paths.ended).long()  # (B, W)
    rank = total / length.double().pow(beam.length_power)[..., None] - penalty
    kept = min(beam.size, width * num_outputs)
    best = rank.flatten(1).sort(dim=1, descending=True, stable=True).indices[:, :kept]  # (B, W')
    parent, token = best // num_outputs, best % num_outputs
    grown = torch.cat([
        paths.tokens.gather(1, parent[..., None].expand(-1, -1, paths.tokens.shape[2])),
        token[..., None],
    ], dim=2)  # (B, W', U + 1)  # fmt: skip
    ended = paths.ended.gather(1, parent) | (token == end)
    after = _Paths(grown, total.flatten(1).gather(1, best), length.gather(1, parent), ended)
    return after, parent


def _rows(parents: Tensor, width: int) -> Tensor:
    """``(B, W')`` paths of each row to ``(B W',)`` rows of a state of W paths each."""
    first = torch.arange(len(parents), device=parents.device)[:, None] * width
    return (first + parents).flatten()


def _hypotheses(paths: _Paths, end: int) -> list[list[Hypothesis]]:
    return [
        [
            Hypothesis(tuple(path[: path.index(end)] if end in path else path), score)
            for path, score in zip(row, totals)
            if score > -torch.inf
        ]
        for row, totals in zip(paths.tokens.tolist(), paths.total.tolist())
    ]


def _ranked(beams: list[_Paths], end: int, length_power: float) -> list[list[Hypothesis]]:
    """The hypotheses of all beams of a row, best rank first, each once."""
    paths = _Paths(*(torch.cat(parts, dim=1) for parts in zip(*beams)))
    rank = paths.total / paths.length.double().pow(length_power)  # (B, G W)
    order = rank.sort(dim=1, descending=True, stable=True).indices
    tokens = paths.tokens.gather(1, order[..., None].expand_as(paths.tokens))
    total = paths.total.gather(1, order)
    found = _hypotheses(paths._replace(tokens=tokens, total=total), end)
    return [_each_once(row) for row in found]


def _each_once(ranked: list[Hypothesis]) -> list[Hypothesis]:
    """The first of those with the same tokens; not always neighbours, for sums are rounded."""
    first: dict[tuple[int, ...], Hypothesis] = {}
    for one in ranked:
        first.setdefault(one.tokens, one)
    return list(first.values())
