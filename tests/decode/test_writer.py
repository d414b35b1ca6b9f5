import math

import pytest
import torch
from torch import Tensor

from rnnmm.decode.writer import greedy_write

END = 3


def follow(table: dict[int, int]):
    """A model that is sure of one follower of each token; its state counts the steps."""

    def step(tokens: Tensor, state: int) -> tuple[Tensor, int]:
        logits = torch.zeros(len(tokens), 4)
        for row, token in enumerate(tokens.tolist()):
            logits[row, table[token]] = 10.0
        return logits, state + 1

    return step


def test_rows_end_by_themselves_and_do_not_see_each_other() -> None:
    step = follow({0: 1, 1: END, 2: 2, END: 1})
    ended, endless = greedy_write(step, 0, torch.tensor([0, 2]), END, max_tokens=4)
    assert ended.tokens == (1,)
    assert endless.tokens == (2, 2, 2, 2)


def test_the_score_holds_the_end_and_nothing_behind_it() -> None:
    sure = 10 - math.log(math.exp(10) + 3)
    step = follow({0: 1, 1: END, 2: 2, END: 1})
    ended, endless = greedy_write(step, 0, torch.tensor([0, 2]), END, max_tokens=4)
    assert ended.score == pytest.approx(2 * sure, abs=1e-6)
    assert endless.score == pytest.approx(4 * sure, abs=1e-6)
