import itertools
import math

import pytest
import torch
from torch import Tensor

from rnnmm.batch import Padded
from rnnmm.nn.lattice import BLANK, SYMBOL, transcript_score

STEPS, SYMBOLS = (4, 1, 3), (2, 3, 0)


def lattice(scale: float = 3.0, dtype: torch.dtype = torch.float32) -> tuple[Padded, Tensor]:
    generator = torch.Generator().manual_seed(0)
    shape = (3, max(STEPS), max(SYMBOLS) + 1, 2)
    scores = torch.nn.functional.logsigmoid(scale * torch.randn(shape, generator=generator))
    return Padded(scores.to(dtype), torch.tensor(STEPS)), torch.tensor(SYMBOLS)


def every_path(scores: Tensor, num_steps: int, num_symbols: int) -> float:
    """The sum over all orders of so many blanks and symbols; the last is a blank."""
    total = 0.0
    ways = num_steps - 1 + num_symbols
    for places in itertools.combinations(range(ways), num_symbols):
        t, u, score = 0, 0, 0.0
        for place in range(ways + 1):
            way = SYMBOL if place in places else BLANK
            score += float(scores[t, u, way])
            t, u = (t, u + 1) if way == SYMBOL else (t + 1, u)
        total += math.exp(score)
    return math.log(total)


def one_by_one(scores: Tensor) -> float:
    """Graves's recursion, a node at a time."""
    num_steps, columns, _ = scores.shape
    forward = torch.full((num_steps, columns), -torch.inf, dtype=torch.float64)
    forward[0, 0] = 0.0
    for t, u in itertools.product(range(num_steps), range(columns)):
        if t:
            forward[t, u] = forward[t - 1, u] + scores[t - 1, u, BLANK]
        if u:
            written = forward[t, u - 1] + scores[t, u - 1, SYMBOL]
            forward[t, u] = torch.logaddexp(forward[t, u], written)
    return float(forward[-1, -1] + scores[-1, -1, BLANK])


def test_it_is_the_sum_over_all_alignments() -> None:
    scores, num_symbols = lattice()
    expected = [
        every_path(row, steps, symbols) for row, steps, symbols in zip(scores.data, STEPS, SYMBOLS)
    ]
    assert transcript_score(scores, num_symbols).tolist() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_long_and_improbable_transcripts_lose_no_precision(scale: float) -> None:
    torch.manual_seed(0)
    data = -scale * torch.rand(1, 60, 21, 2, dtype=torch.float64)
    (score,) = transcript_score(Padded(data, torch.tensor([60])), torch.tensor([20])).tolist()
    assert score == pytest.approx(one_by_one(data[0]), rel=1e-12)


def test_the_gradient_is_exact() -> None:
    scores, num_symbols = lattice(dtype=torch.float64)

    def total(data: Tensor) -> Tensor:
        return transcript_score(scores.with_data(data), num_symbols)

    assert torch.autograd.gradcheck(total, (scores.data.requires_grad_(),))


def test_padding_changes_nothing_and_gets_no_gradient() -> None:
    scores, num_symbols = lattice()
    other = scores.data.clone()
    for row, (steps, symbols) in enumerate(zip(STEPS, SYMBOLS)):
        other[row, steps:] = -7.0
        other[row, :, symbols + 1 :] = -9.0
        other[row, :, symbols, SYMBOL] = -11.0  # there is none left to write
    other.requires_grad_()
    got = transcript_score(scores.with_data(other), num_symbols)
    torch.testing.assert_close(got, transcript_score(scores, num_symbols), atol=0, rtol=0)
    got.sum().backward()
    is_padding = other.detach().eq(scores.data).logical_not()
    assert is_padding.any() and not other.grad[is_padding].any()


@pytest.mark.filterwarnings("ignore")  # its own
def test_it_agrees_with_torchaudio() -> None:
    functional = pytest.importorskip("torchaudio.functional")
    torch.manual_seed(0)
    num_steps, num_symbols = torch.tensor([7, 5, 2]), torch.tensor([3, 4, 0])
    symbols = torch.randint(1, 6, (3, 4))
    logits = 3 * torch.randn(3, 7, 5, 6)
    ours, theirs = (logits.clone().requires_grad_() for _ in range(2))
    log_probs = ours.log_softmax(dim=3)
    index = torch.nn.functional.pad(symbols, (0, 1))[:, None, :, None].expand(-1, 7, -1, -1)
    data = torch.cat([log_probs[..., :1], log_probs.gather(3, index)], dim=3)
    loss = -transcript_score(Padded(data, num_steps), num_symbols)
    expected = functional.rnnt_loss(
        theirs, symbols.int(), num_steps.int(), num_symbols.int(), blank=0, reduction="none"
    )
    torch.testing.assert_close(loss.float(), expected, atol=1e-4, rtol=1e-5)
    loss.sum().backward()
    expected.sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, atol=1e-5, rtol=1e-4)
