"""Parts small enough to be worked out by hand: a scorer, and a transducer's network."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from rnnmm.batch import Padded
from rnnmm.decode.scorer import State
from rnnmm.decode.transducer_greedy import Network

SIZE = 6


class Pairs:
    """A scorer that knows the last token only: ``(K, K)`` scores, and ``(K,)`` of the end."""

    def __init__(self, table: Tensor, end: Tensor) -> None:
        self.table, self.end = table, end

    def initial_state(self, batch_size: int) -> State:
        return (torch.zeros(batch_size, dtype=torch.int64),)

    def scores(self, state: State) -> Tensor:
        return self.table[state[0]]

    def advance(self, state: State, tokens: Tensor) -> State:
        return (tokens,)

    def final_scores(self, state: State) -> Tensor:
        return self.end[state[0]]

    def total(self, tokens: tuple[int, ...]) -> float:
        pairs = zip((0, *tokens), tokens)
        return sum(float(self.table[a, b]) for a, b in pairs) + float(self.end[(0, *tokens)[-1]])


@pytest.fixture(scope="session")
def pairs() -> Callable[[int, int], Pairs]:
    """Makes a scorer by chance that forbids some pairs."""

    def make(seed: int, num_outputs: int) -> Pairs:
        generator = torch.Generator().manual_seed(seed)
        table = torch.randn(num_outputs, num_outputs, generator=generator) * 2
        table[table < -3] = -torch.inf
        return Pairs(table, torch.randn(num_outputs, generator=generator))

    return make


@pytest.fixture(scope="session")
def network() -> Callable[..., Network]:
    """Makes one whose scores depend on the step and on all that was written."""

    def make(num_rows: int, num_outputs: int, blank: float = 0.0, seed: int = 0) -> Network:
        generator = torch.Generator().manual_seed(seed)
        mix = torch.randn(SIZE, SIZE, generator=generator)
        read = torch.randn(num_outputs, SIZE, generator=generator)
        write = 2 * torch.randn(SIZE, num_outputs, generator=generator)
        bias = torch.zeros(num_outputs)
        bias[0] = blank  # favours going on

        def predict(symbols: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
            state = torch.tanh(state @ mix + read[symbols])
            return state, state

        def join(steps: Tensor, written: Tensor) -> Tensor:
            return (torch.tanh(steps + written) @ write + bias).log_softmax(dim=-1)

        return Network(predict, join, torch.zeros(num_rows, SIZE))

    return make


@pytest.fixture(scope="session")
def sound() -> Callable[..., Padded]:
    """Steps of so many rows as lengths are given, for a `network`."""

    def make(*lengths: int) -> Padded:
        torch.manual_seed(3)
        return Padded.stack([torch.randn(length, SIZE) for length in lengths])

    return make
