"""CTC decoding by beam search over prefixes, with language models and the like in it."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from rnnmm.batch import Padded
from rnnmm.decode.fusion import Fusion, Weighted, advance_fusion, begin_fusion, end_fusion
from rnnmm.decode.hypothesis import Hypothesis
from rnnmm.domain import Count, Size

_NEVER = -torch.inf


@dataclass(frozen=True, slots=True)
class CtcBeam:
    """How widely to search a CTC model's answers, and who has a say.

    Args:
        size: prefixes kept of each row, and hypotheses given back.
        scorers: with their weights.
        length_bonus: added per token.
        top_k: the tokens that may follow in one step, by the model's scores; 0: any.
        blank: index of the blank.

    Raises:
        ValueError: ``size`` below 1, or ``top_k`` or ``blank`` below 0.
    """

    size: Size = 16
    scorers: tuple[Weighted, ...] = ()
    length_bonus: float = 0.0
    top_k: Count = 0
    blank: Count = 0

    def __post_init__(self) -> None:
        if self.size < 1 or min(self.top_k, self.blank) < 0:
            raise ValueError(
                f"CtcBeam: expected size >= 1, top_k and blank >= 0, got {self.size}, "
                f"{self.top_k} and {self.blank}"
            )

    def __call__(self, log_probs: Padded) -> list[list[Hypothesis]]:
        """Of each row of ``(B, T, K)`` the best hypotheses, as `beam_ctc` gives them."""
        return beam_ctc(log_probs, self)


class _Prefixes(NamedTuple):
    """What is kept of each row, best rank first.

    tokens: ``(B, W, U)``, -1 behind the end. length: ``(B, W)``. blank, symbol: ``(B, W)``
    log-probability of all alignments so far that end in a blank, and in the last token. begins:
    ``(B, W, W)``, whether a prefix is the beginning of another, or it itself.
    """

    tokens: Tensor
    length: Tensor
    blank: Tensor
    symbol: Tensor
    begins: Tensor

    @property
    def total(self) -> Tensor:
        """``(B, W)``: log-probability of all alignments so far."""
        return torch.logaddexp(self.blank, self.symbol)

    @property
    def is_parent(self) -> Tensor:
        """``(B, W, W)``: whether a prefix is another without its last token."""
        return self.begins & (self.length[..., None] + 1 == self.length[:, None])

    @property
    def last(self) -> Tensor:
        """``(B, W)``: the last token; -1: there is none."""
        index = (self.length - 1).clamp(min=0)[..., None]
        return torch.where(self.length > 0, self.tokens.gather(2, index)[..., 0], -1)


class _Choice(NamedTuple):
    """What the next beam is made of, ``(B, W')`` each.

    source: the prefix that goes on. token: what it grows by; -1: nothing. is_possible: False where
    there were not enough prefixes to fill the beam.
    """

    source: Tensor
    token: Tensor
    is_possible: Tensor


@torch.no_grad()
def beam_ctc(log_probs: Padded, beam: CtcBeam = CtcBeam()) -> list[list[Hypothesis]]:
    """The best few token sequences of every row, each over all its alignments.

    Sequences are ranked by CTC log-probability + weighted scores + bonus for length. Alignments of
    one prefix are summed, those that end in a blank apart from the others, so that a beam which
    drops nothing is exact. The rows of a batch are searched together and do not see each other; of
    equals, the one found first wins.

    Args:
        log_probs: ``(B, T, K)``, on any device.
        beam: how to search.

    Returns:
        For every row at most ``beam.size`` hypotheses, best rank first, none of them twice, at
        least one: where the scorers forbid all that was kept, it is the empty one. Their scores
        are CTC log-probabilities whatever the ranking.

    Source: Graves, "Supervised sequence labelling with recurrent neural networks" (2012), section
    7.5.3; Hannun et al., "First-pass large vocabulary continuous speech recognition using
    bi-directional recurrent DNNs" (2014).
    """
    frames = _frozen_padding(log_probs, beam.blank)  # (B, T, K)
    prefixes, fusion = _begin(frames, beam)
    for frame in frames.unbind(dim=1):
        prefixes, fusion = _step(prefixes, fusion, frame, beam)
    bonus = beam.length_bonus * prefixes.length
    found = _ranked(prefixes, fusion.total + end_fusion(fusion, beam.scorers) + bonus)
    silence = frames[..., beam.blank].sum(dim=1).tolist()  # (B,)
    return [few or [Hypothesis((), score)] for few, score in zip(found, silence)]


def _frozen_padding(log_probs: Padded, blank: int) -> Tensor:
    """``(B, T, K)`` float64, whose padding is blank for certain: such a step changes nothing."""
    silence = torch.full_like(log_probs.data[0, 0], _NEVER, dtype=torch.float64)  # (K,)
    silence[blank] = 0.0
    return torch.where(log_probs.mask[..., None], log_probs.data.double(), silence)


def _begin(frames: Tensor, beam: CtcBeam) -> tuple[_Prefixes, Fusion]:
    """One empty prefix per row."""
    length = torch.zeros(len(frames), 1, dtype=torch.int64, device=frames.device)
    zero = length.double()
    tokens = length[..., None] - 1  # (B, 1, 1)
    prefixes = _Prefixes(tokens, length, zero, zero + _NEVER, (length == 0)[..., None])
    return prefixes, begin_fusion(beam.scorers, frames[:, 0])


def _step(
    prefixes: _Prefixes, fusion: Fusion, frame: Tensor, beam: CtcBeam
) -> tuple[_Prefixes, Fusion]:
    """All prefixes by one frame ``(B, K)``: each stays as it is, or grows by any one token."""
    scores, tokens = _candidates(frame, beam)  # (B, K')
    stays = _stay(prefixes, frame, beam)
    grown = _growths(prefixes, scores, tokens)  # (B, W, K')
    said = fusion.following.gather(2, tokens[:, None].expand_as(grown)) + beam.length_bonus
    besides = fusion.total + beam.length_bonus * stays.length  # (B, W)
    rank = torch.cat([
        stays.total + besides, (grown + besides[..., None] + said).flatten(1)
    ], dim=1)  # (B, W + W K')  # fmt: skip
    kept = min(beam.size, rank.shape[1])
    rank, best = (one[:, :kept] for one in rank.sort(dim=1, descending=True, stable=True))
    choice = _choose(best, tokens, rank > _NEVER, stays.length.shape[1])
    reached = torch.cat([stays.symbol, grown.flatten(1)], dim=1).gather(1, best)
    heard = advance_fusion(fusion, beam.scorers, choice.source, choice.token)
    return _grow(stays, choice, reached), heard


def _candidates(frame: Tensor, beam: CtcBeam) -> tuple[Tensor, Tensor]:
    """``(B, K')``: scores and indices of the tokens a prefix may grow by, best first."""
    possible = frame.index_fill(1, torch.tensor([beam.blank], device=frame.device), _NEVER)
    scores, tokens = possible.sort(dim=1, descending=True, stable=True)
    kept = beam.top_k or frame.shape[1]
    return scores[:, :kept], tokens[:, :kept]


def _stay(prefixes: _Prefixes, frame: Tensor, beam: CtcBeam) -> _Prefixes:
    """The prefixes one frame later, without having grown.

    What grows into a prefix that is in the beam already is the same sequence, and is added there.
    """
    total, last, blank = prefixes.total, prefixes.last, prefixes.blank
    heard = frame.gather(1, last.clamp(min=0))  # (B, W), of the last token
    repeats = last[..., None] == last[:, None]  # (B, W, W)
    brought = torch.where(repeats, blank[..., None], total[..., None]) + heard[:, None]
    brought = torch.where(prefixes.is_parent, brought, _NEVER).amax(dim=1)  # of one, at most
    symbol = torch.logaddexp(prefixes.symbol + heard, brought)
    return prefixes._replace(blank=total + frame[:, beam.blank, None], symbol=symbol)


def _growths(prefixes: _Prefixes, scores: Tensor, tokens: Tensor) -> Tensor:
    """``(B, W, K')``: what the prefixes come to when they grow by a token, if that is new.

    Args:
        scores: ``(B, K')`` of the
        tokens: ``(B, K')``.
    """
    ends_in = prefixes.last[..., None] == tokens[:, None]  # (B, W, K')
    # Behind the same token, a blank must have been between.
    base = torch.where(ends_in, prefixes.blank[..., None], prefixes.total[..., None])
    is_there = prefixes.is_parent.double() @ ends_in.double() > 0  # (B, W, K')
    return (base + scores[:, None]).masked_fill(is_there, _NEVER)


def _choose(best: Tensor, tokens: Tensor, is_possible: Tensor, width: int) -> _Choice:
    """Takes ``(B, W')`` indices into W stays and W K' growths apart."""
    growth = (best - width).clamp(min=0)
    does_grow = best >= width
    source = torch.where(does_grow, growth // tokens.shape[1], best)
    token = torch.where(does_grow, tokens.gather(1, growth % tokens.shape[1]), -1)
    return _Choice(source, token, is_possible)


def _grow(stays: _Prefixes, choice: _Choice, reached: Tensor) -> _Prefixes:
    """The chosen prefixes; ``reached`` ``(B, W')`` is their probability of ending in a token."""
    source, token, _ = choice
    before = stays.length.gather(1, source)
    tokens = _rows(stays.tokens, source)
    return _Prefixes(
        _write(tokens, before, token),
        before + (token >= 0),
        torch.where(token >= 0, _NEVER, stays.blank.gather(1, source)),
        reached,
        _beginnings(stays, choice, before, tokens),
    )


def _write(tokens: Tensor, length: Tensor, token: Tensor) -> Tensor:
    """Puts a token (-1: none) behind each of ``(B, W, U)``; one column stays free."""
    tokens = tokens.scatter(2, length[..., None], token[..., None])
    if bool((tokens[..., -1] >= 0).any()):
        tokens = torch.nn.functional.pad(tokens, (0, 1), value=-1)
    return tokens


def _beginnings(stays: _Prefixes, choice: _Choice, before: Tensor, tokens: Tensor) -> Tensor:
    """``(B, W', W')``: which of the chosen begin which others.

    One that has grown begins another only if what it grew by stands there in the other: the other
    was longer already, since two that grow into the same have been merged.

    Args:
        before: ``(B, W')`` lengths and
        tokens: ``(B, W', U)`` tokens of the chosen before they grew.
    """
    width = choice.source.shape[1]
    begins = _rows(stays.begins, choice.source)  # (B, W', W)
    begins = begins.gather(2, choice.source[:, None].expand(-1, width, -1))  # (B, W', W')
    there = tokens.gather(2, before[:, None].expand(-1, width, -1)).transpose(1, 2)
    agrees = (choice.token[..., None] < 0) | (choice.token[..., None] == there)
    same = torch.eye(width, dtype=torch.bool, device=begins.device)
    possible = choice.is_possible
    return (begins & agrees | same) & possible[..., None] & possible[:, None]


def _rows(values: Tensor, rows: Tensor) -> Tensor:
    """``(B, W, X)`` and ``(B, W')`` to ``(B, W', X)``."""
    return values.gather(1, rows[..., None].expand(-1, -1, values.shape[2]))


def _ranked(prefixes: _Prefixes, fused: Tensor) -> list[list[Hypothesis]]:
    """The hypotheses that are possible, best first."""
    rank, order = (prefixes.total + fused).sort(dim=1, descending=True, stable=True)
    columns = (
        rank, prefixes.total.gather(1, order), prefixes.length.gather(1, order),
        _rows(prefixes.tokens, order),
    )  # fmt: skip
    return [
        [
            Hypothesis(tuple(tokens[:length]), min(score, 0.0))
            for place, score, length, tokens in zip(*row)
            if place > _NEVER
        ]
        for row in zip(*(column.tolist() for column in columns))
    ]
