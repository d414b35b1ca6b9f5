"""Greedy decoding of transducers: the best of the symbols and the blank, one after another."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from rnnmm.batch import Padded
from rnnmm.decode.hypothesis import Hypothesis

_WINDOW = 8  # steps that greedy decoding looks ahead at once for the next symbol


class Network(NamedTuple):
    """A transducer's network behind its encoder, as the searches see it.

    predict: symbols ``(M,)`` and a state ``(M, S)`` to what is then written ``(M, J)`` and the
    next state. join: steps and what is written, both ``(..., J)``, to log-probabilities
    ``(..., K)`` of the symbols, the blank at 0. state: ``(B, S)``, before the beginning.
    """

    predict: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
    join: Callable[[Tensor, Tensor], Tensor]
    state: Tensor


def greedy_transducer(
    steps: Padded, network: Network, max_symbols: int = 5, window: int = _WINDOW
) -> list[Hypothesis]:
    """The best of the symbols and the blank, one after another.

    All rows of a batch look for their next symbol at once, each from the step at which it stands.

    Args:
        steps: ``(B, T, J)``.
        network: what follows the encoder.
        max_symbols: after so many at one step comes a blank.
        window: steps looked at together; it changes nothing but the speed.

    Returns:
        One hypothesis a row; its score is the log-probability of the path that was taken.

    Source:
        Xu et al. 2024, "Label-looping", arXiv 2406.06220.
    """
    path = _begin_path(steps, network)
    lengths = steps.lengths.to(steps.data.device)
    while bool((path.step < lengths).any()):
        path = _next_symbol(path, steps, lengths, network, max_symbols, window)
    symbols, totals = path.symbols.tolist(), path.total.tolist()
    return [Hypothesis(tuple(filter(None, row)), total) for row, total in zip(symbols, totals)]


class _Path(NamedTuple):
    """Where each row stands: ``(B, ...)``; symbols ``(B, U)`` with 0 where none was found.

    burst: symbols in a row that were written at this step.
    """

    symbols: Tensor
    total: Tensor
    step: Tensor
    burst: Tensor
    written: Tensor
    state: Tensor


def _begin_path(steps: Padded, network: Network) -> _Path:
    zeros = torch.zeros(len(steps.lengths), dtype=torch.int64, device=steps.data.device)
    written, state = network.predict(zeros, network.state)
    return _Path(zeros[:, None][:, :0], zeros.double(), zeros, zeros, written, state)


def _next_symbol(
    path: _Path, steps: Padded, lengths: Tensor, network: Network, max_symbols: int, window: int
) -> _Path:
    """Goes on to the next symbol of each row, or to the end of the window."""
    row = torch.arange(len(lengths), device=lengths.device)
    index = path.step[:, None] + torch.arange(window, device=lengths.device)  # (B, W)
    ahead = steps.data[row[:, None], index.clamp(max=steps.data.shape[1] - 1)]  # (B, W, J)
    log_probs = network.join(ahead, path.written[:, None]).double()  # (B, W, K)
    score, symbol = log_probs.max(dim=2)  # (B, W)
    is_symbol = (symbol > 0) & (index < lengths[:, None])
    is_symbol[:, 0] &= path.burst < max_symbols
    skipped = (is_symbol.cumsum(1) == 0) & (index < lengths[:, None])
    moved = skipped.sum(dim=1)  # (B,)
    found = is_symbol.any(dim=1)
    first = is_symbol.long().argmax(dim=1)
    total = path.total + log_probs[..., 0].masked_fill(~skipped, 0.0).sum(dim=1)
    total = total + score[row, first].masked_fill(~found, 0.0)
    new = symbol[row, first].masked_fill(~found, 0)
    burst = path.burst.masked_fill(moved > 0, 0) + found.long()
    written, state = network.predict(new, path.state)
    return _Path(
        torch.cat([path.symbols, new[:, None]], dim=1), total, path.step + moved, burst,
        torch.where(found[:, None], written, path.written),
        torch.where(found[:, None], state, path.state),
    )  # fmt: skip
