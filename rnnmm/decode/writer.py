"""Decoding of models that write one token after another."""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

from rnnmm.decode.hypothesis import Hypothesis

S = TypeVar("S")


def greedy_write(
    step: Callable[[Tensor, S], tuple[Tensor, S]],
    state: S,
    start: Tensor,
    end: int,
    max_tokens: int,
) -> list[Hypothesis]:
    """Takes the best token at each step until each row has ended.

    Args:
        step: tokens ``(B,)`` and a state to logits ``(B, K)`` and the next state.
        state: before the first token.
        start: ``(B,)`` int64, the token every row begins with.
        end: the token that ends a row; it is not part of the answer, but of its score.
        max_tokens: a row that has not ended by then is cut.

    Returns:
        One hypothesis per row. A row's answer does not depend on its neighbours'.
    """
    tokens, written = start, []
    ended = torch.zeros_like(start, dtype=torch.bool)
    total = torch.zeros(len(start), dtype=torch.float64, device=start.device)
    for _ in range(max_tokens):
        logits, state = step(tokens, state)
        best, tokens = logits.float().log_softmax(dim=-1).max(dim=-1)  # (B,) each
        total += best.double().masked_fill(ended, 0.0)
        tokens = tokens.masked_fill(ended, end)
        ended = ended | (tokens == end)
        written.append(tokens)
        if bool(ended.all()):
            break
    rows = torch.stack(written, dim=1).tolist()  # (B, U)
    return [
        Hypothesis(tuple(row[: row.index(end)] if end in row else row), score)
        for row, score in zip(rows, total.tolist())
    ]
