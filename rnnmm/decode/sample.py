"""Text by chance: one symbol after another, drawn as a model finds them likely."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from rnnmm.batch import Padded
from rnnmm.decode.hypothesis import Hypothesis
from rnnmm.decode.scorer import IMPOSSIBLE, Scorer
from rnnmm.decode.writer import S, Search, Select, Step
from rnnmm.domain import Count, Fraction, Positive, Seed, Size


@dataclass(frozen=True)
class Sampling(Search):
    """Answers drawn by chance, the likeliest of each row first.

    Every row gets the same luck, so that no answer depends on the batch it is in; the seed
    changes all of them.

    Args:
        count: answers drawn of each row; equal ones are given once.
        temperature: below 1 the likely becomes likelier, above 1 all grow alike.
        top_k: only so many of the likeliest tokens are drawn from; 0: any.
        top_p: only the likeliest tokens that together have at least this probability are drawn
            from (the nucleus); 1: any.
        seed: of the draws.

    Source:
        Holtzman et al. 2020, arXiv 1904.09751 (nucleus).
    """

    count: Size = 1
    temperature: Positive = 1.0
    top_k: Count = 0
    top_p: Fraction = 1.0
    seed: Seed = 0

    def __post_init__(self) -> None:
        _check(self.temperature, self.top_k, self.top_p)

    def find(
        self, step: Step[S], select: Select[S], state: S, start: Tensor, end: int, max_tokens: int
    ) -> list[list[Hypothesis]]:
        """At most ``count`` answers of every row."""
        generator = torch.Generator().manual_seed(self.seed)
        luck = torch.rand(self.count, max_tokens, generator=generator).repeat(len(start), 1)
        rows = torch.arange(len(start), device=start.device).repeat_interleave(self.count)
        drawn = draw(
            step, select(state, rows), start[rows], end, luck, self.temperature, self.top_k,
            self.top_p,
        )  # fmt: skip
        found = drawn.hypotheses(end)
        return [
            sorted(
                {one.tokens: one for one in found[first : first + self.count]}.values(),
                key=lambda one: -one.score,
            )
            for first in range(0, len(found), self.count)
        ]


class Drawn(NamedTuple):
    """Sequences drawn by chance.

    tokens: ``(B, U)`` int64, the end among them where it was drawn. log_probs: ``(B, U)``, what
    the model gave each token, whatever it was drawn by; its gradient is the model's.
    """

    tokens: Padded
    log_probs: Padded

    def hypotheses(self, end: int) -> list[Hypothesis]:
        """``(B,)``: the same without the ends."""
        totals = self.log_probs.zeroed().data.sum(dim=1).tolist()
        return [
            Hypothesis(tuple(token for token in row.tolist() if token != end), total)
            for row, total in zip(self.tokens.rows(), totals)
        ]


def draw(
    step: Step[S],
    state: S,
    start: Tensor,
    end: int,
    luck: Tensor,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
) -> Drawn:
    """Draws one sequence for every row, all together; each ends where the end is drawn.

    Args:
        step, state, start, end: as in `rnnmm.decode.writer.Search.find`.
        luck: ``(B, U)`` uniform in [0, 1): the draw of each token. A row that has not ended after
            U tokens is cut.
        temperature, top_k, top_p: as in `Sampling`.

    Raises:
        ValueError: ``temperature`` is not above 0, ``top_k`` below 0 or ``top_p`` not in (0, 1].
    """
    _check(temperature, top_k, top_p)
    tokens, log_probs, last = [], [], start
    ended = torch.zeros_like(start, dtype=torch.bool)
    lengths = torch.zeros_like(start)
    for chance in luck.to(start.device).unbind(dim=1):
        logits, state = step(last, state)
        scores = logits.float().log_softmax(dim=-1)  # (B, K)
        last = _drawn(_sharpened(scores.detach().double(), temperature, top_k, top_p), chance)
        tokens.append(last)
        log_probs.append(scores.gather(1, last[:, None]).squeeze(1))
        lengths = lengths + ~ended
        ended = ended | (last == end)
        if bool(ended.all()):
            break
    drawn = Padded(torch.stack(tokens, dim=1), lengths.cpu())  # (B, U)
    return Drawn(drawn, drawn.with_data(torch.stack(log_probs, dim=1)))


def sample(
    scorer: Scorer,
    count: int,
    max_tokens: int,
    generator: torch.Generator,
    temperature: float = 1.0,
    top_k: int = 0,
    begin: tuple[int, ...] = (),
    top_p: float = 1.0,
) -> list[tuple[int, ...]]:
    """Draws sequences; each ends where the end is drawn, or is cut.

    Args:
        scorer: a language model; symbol 0 is its end.
        count: >= 0, how many.
        max_tokens: >= 0, of each, those of ``begin`` among them.
        generator: on the CPU.
        temperature: > 0; below 1 the likely becomes likelier, above 1 all grow alike.
        top_k: only so many of the likeliest are drawn from; 0: any.
        begin: what all begin with.
        top_p: only the likeliest that together have at least this probability are drawn from.

    Raises:
        ValueError: ``temperature`` is not above 0, ``top_k`` below 0 or ``top_p`` not in (0, 1].
    """
    _check(temperature, top_k, top_p)
    state = scorer.initial_state(count)
    tokens = torch.empty(count, 0, dtype=torch.int64)
    for given in begin:
        state = scorer.advance(state, torch.full((count,), given))
        tokens = torch.cat([tokens, torch.full((count, 1), given)], dim=1)
    ended = torch.zeros(count, dtype=torch.bool)
    while tokens.shape[1] < max_tokens and not bool(ended.all()):
        scores = scorer.scores(state).cpu().double()  # (N, K)
        scores[:, 0] = scorer.final_scores(state).cpu()
        chances = _sharpened(scores, temperature, top_k, top_p)
        drawn = torch.multinomial(chances, 1, generator=generator)
        ended |= drawn[:, 0] == 0
        tokens = torch.cat([tokens, drawn.masked_fill(ended[:, None], 0)], dim=1)
        state = scorer.advance(state, drawn[:, 0])
    return [tuple(token for token in row if token) for row in tokens.tolist()]


def _check(temperature: float, top_k: int, top_p: float) -> None:
    if temperature <= 0 or top_k < 0 or not 0 < top_p <= 1:
        raise ValueError(
            f"sample: expected a temperature > 0, top_k >= 0 and top_p in (0, 1], got "
            f"{temperature:g}, {top_k} and {top_p:g}"
        )


def _drawn(chances: Tensor, luck: Tensor) -> Tensor:
    """``(B,)``: the token in whose share of ``(B, K)`` the luck of ``(B,)`` falls."""
    edges = chances.cumsum(dim=1)
    place = luck.double()[:, None] * edges[:, -1:]  # never past the last share, and in none of 0
    return torch.searchsorted(edges, place, right=True).squeeze(1)


def _sharpened(scores: Tensor, temperature: float, top_k: int, top_p: float = 1.0) -> Tensor:
    """``(N, K)`` log-probabilities to probabilities to draw from."""
    if top_k:
        least = scores.topk(min(top_k, scores.shape[1]), dim=1).values[:, -1:]
        scores = scores.masked_fill(scores < least, IMPOSSIBLE)
    chances = (scores / temperature).softmax(dim=1)
    if top_p == 1:
        return chances
    ranked, order = chances.sort(dim=1, descending=True, stable=True)
    before = ranked.cumsum(dim=1) - ranked  # what the likelier ones have together
    return torch.zeros_like(chances).scatter(1, order, ranked * (before < top_p))
