"""A problem that every recogniser must solve: noisy patterns of any length spell symbols."""

from collections.abc import Callable

import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.metrics.errors import count_errors
from rnnmm.models.recogniser import Recogniser

NUM_OUTPUTS, NUM_FEATURES = 6, 8


def spell(num_rows: int, seed: int) -> tuple[Padded, Padded]:
    """Frames and symbols: each symbol holds its pattern for 2 to 4 frames, behind a pause."""
    patterns = 2 * torch.randn(
        NUM_OUTPUTS, NUM_FEATURES, generator=torch.Generator().manual_seed(9)
    )
    generator = torch.Generator().manual_seed(seed)
    frames, targets = [], []
    for count in torch.randint(1, 6, (num_rows,), generator=generator).tolist():
        symbols = torch.randint(1, NUM_OUTPUTS, (count,), generator=generator)
        holds = torch.randint(2, 5, (count,), generator=generator)
        pairs = torch.stack([torch.zeros_like(symbols), symbols], dim=1).flatten()
        clean = patterns[pairs.repeat_interleave(torch.stack([holds > 0, holds], 1).flatten())]
        frames.append(clean + 0.3 * torch.randn(clean.shape, generator=generator))
        targets.append(symbols)
    return Padded.stack(frames), Padded.stack(targets)


def train(model: Recogniser, num_steps: int, learning_rate: float = 1e-2) -> None:
    """A few steps of Adam on fresh batches."""
    optimiser = torch.optim.Adam(model.parameters(), learning_rate)
    for step in range(num_steps):
        optimiser.zero_grad()
        model.loss(*spell(16, step)).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
    model.eval()


@torch.no_grad()
def error_rate(model: Recogniser) -> float:
    """Symbol error rate on frames never trained on."""
    frames, targets = spell(40, seed=10**6)
    counts = [
        count_errors(list(map(str, truth.tolist())), list(map(str, best.tokens)))
        for truth, (best, *_) in zip(targets.rows(), model.decode(frames))
    ]
    return sum(one.errors for one in counts) / sum(one.reference_length for one in counts)


@pytest.fixture
def learn() -> Callable[[Recogniser, int], float]:
    """Trains a model of 6 symbols on 8 features for so many steps; what it then gets wrong."""

    def run(model: Recogniser, num_steps: int) -> float:
        train(model, num_steps)
        return error_rate(model)

    return run


@pytest.fixture
def spelled() -> tuple[Padded, Padded]:
    """One batch of 4."""
    return spell(4, seed=1)
