"""Scorers beside a model that hears: their say on every hypothesis of a batched beam."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from rnnmm.decode.scorer import IMPOSSIBLE, Scorer, State


@dataclass(frozen=True, slots=True)
class Weighted:
    """A scorer and what its scores are multiplied by; what it forbids, no weight allows."""

    scorer: Scorer
    weight: float = 1.0


class Fusion(NamedTuple):
    """What scorers say of ``(B, W)`` hypotheses.

    states: of each scorer, ``B W`` rows. total: ``(B, W)`` float64, weighted, of the tokens so
    far. following: ``(B, W, K)``, weighted, of each next token.
    """

    states: tuple[State, ...]
    total: Tensor
    following: Tensor


def begin_fusion(scorers: Sequence[Weighted], like: Tensor, width: int = 1) -> Fusion:
    """Of hypotheses without tokens.

    Args:
        scorers: none, one or more.
        like: ``(B, K)`` float64, on the device to answer on; only its shape is read.
        width: W, hypotheses per row.
    """
    batch, num_outputs = like.shape
    states = tuple(one.scorer.initial_state(batch * width) for one in scorers)
    following = _following(scorers, states, like.new_zeros(batch * width, num_outputs))
    return Fusion(
        states, like.new_zeros(batch, width), following.reshape(batch, width, num_outputs)
    )


def advance_fusion(
    fusion: Fusion, scorers: Sequence[Weighted], source: Tensor, token: Tensor
) -> Fusion:
    """The hypotheses of the next beam; scorers are asked of those alone that have grown.

    Args:
        fusion: of W hypotheses each.
        scorers: as before.
        source: ``(B, W')`` which of the W goes on.
        token: ``(B, W')`` what it grows by; -1: nothing.
    """
    batch, width, num_outputs = fusion.following.shape
    rows = (torch.arange(batch, device=source.device)[:, None] * width + source).flatten()
    following = fusion.following.flatten(0, 1)[rows]  # (B W', K)
    said = following.gather(1, token.clamp(min=0).reshape(-1, 1)).reshape(token.shape)
    total = fusion.total.gather(1, source) + torch.where(token >= 0, said, 0.0)
    states = tuple(_select(state, rows) for state in fusion.states)
    grown = ((token >= 0) & (total > IMPOSSIBLE)).flatten().nonzero()[:, 0]  # (N,)
    if scorers and len(grown):
        new = tuple(
            one.scorer.advance(_select(state, grown), token.flatten()[grown])
            for one, state in zip(scorers, states)
        )
        asked = _following(scorers, new, torch.zeros_like(following[grown]))
        following = following.index_copy(0, grown, asked)
        states = tuple(_replace(state, grown, part) for state, part in zip(states, new))
    return Fusion(states, total, following.reshape(*token.shape, num_outputs))


def end_fusion(fusion: Fusion, scorers: Sequence[Weighted]) -> Tensor:
    """``(B, W)``: what is added where the hypotheses end."""
    total = torch.zeros_like(fusion.total)
    for one, state in zip(scorers, fusion.states):
        final = one.scorer.final_scores(state).reshape(total.shape)
        total = total + _weighted(final, one.weight, total)
    return total


def score_sequences(
    scorers: Sequence[Weighted], sequences: Sequence[Sequence[int]], like: Tensor
) -> Tensor:
    """``(B,)`` float64: what the scorers say of whole answers, their ends among it.

    Args:
        scorers: none, one or more.
        sequences: tokens of B answers.
        like: ``(B, K)`` as in `begin_fusion`.
    """
    fusion = begin_fusion(scorers, like)
    source = torch.zeros(len(like), 1, dtype=torch.int64, device=like.device)
    for place in range(max(map(len, sequences), default=0)):
        tokens = [row[place] if place < len(row) else -1 for row in sequences]
        token = torch.tensor(tokens, device=like.device)[:, None]
        fusion = advance_fusion(fusion, scorers, source, token)
    return (fusion.total + end_fusion(fusion, scorers))[:, 0]


def _following(scorers: Sequence[Weighted], states: Sequence[State], nothing: Tensor) -> Tensor:
    """``(N, K)``: the weighted scores of every next token, added to zeros of that shape."""
    total = nothing
    for one, state in zip(scorers, states):
        total = total + _weighted(one.scorer.scores(state), one.weight, nothing)
    return total


def _weighted(scores: Tensor, weight: float, like: Tensor) -> Tensor:
    scores = scores.to(like)
    return torch.where(scores == IMPOSSIBLE, IMPOSSIBLE, weight * scores)


def _select(state: State, rows: Tensor) -> State:
    return tuple(part[rows.to(part.device)] for part in state)


def _replace(state: State, rows: Tensor, new: State) -> State:
    return tuple(
        part.index_copy(0, rows.to(part.device), other) for part, other in zip(state, new)
    )
