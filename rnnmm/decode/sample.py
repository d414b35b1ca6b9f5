"""Text by chance: one symbol after another, drawn as a model finds them likely."""

import torch
from torch import Tensor

from rnnmm.decode.scorer import IMPOSSIBLE, Scorer


def sample(
    scorer: Scorer,
    count: int,
    max_tokens: int,
    generator: torch.Generator,
    temperature: float = 1.0,
    top_k: int = 0,
    begin: tuple[int, ...] = (),
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

    Raises:
        ValueError: ``temperature`` is not above 0, or ``top_k`` below 0.
    """
    if temperature <= 0 or top_k < 0:
        raise ValueError(
            f"sample: expected a temperature > 0 and top_k >= 0, got {temperature:g} and {top_k}"
        )
    state = scorer.initial_state(count)
    tokens = torch.empty(count, 0, dtype=torch.int64)
    for given in begin:
        state = scorer.advance(state, torch.full((count,), given))
        tokens = torch.cat([tokens, torch.full((count, 1), given)], dim=1)
    ended = torch.zeros(count, dtype=torch.bool)
    while tokens.shape[1] < max_tokens and not bool(ended.all()):
        scores = scorer.scores(state).cpu().double()  # (N, K)
        scores[:, 0] = scorer.final_scores(state).cpu()
        drawn = torch.multinomial(_sharpened(scores, temperature, top_k), 1, generator=generator)
        ended |= drawn[:, 0] == 0
        tokens = torch.cat([tokens, drawn.masked_fill(ended[:, None], 0)], dim=1)
        state = scorer.advance(state, drawn[:, 0])
    return [tuple(token for token in row if token) for row in tokens.tolist()]


def _sharpened(scores: Tensor, temperature: float, top_k: int) -> Tensor:
    """``(N, K)`` log-probabilities to probabilities to draw from."""
    if top_k:
        least = scores.topk(min(top_k, scores.shape[1]), dim=1).values[:, -1:]
        scores = scores.masked_fill(scores < least, IMPOSSIBLE)
    return (scores / temperature).softmax(dim=1)
