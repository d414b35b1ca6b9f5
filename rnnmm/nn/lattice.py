"""The transducer's lattice: how probable a transcript is, over all its alignments."""

import torch
from torch import Tensor

from rnnmm.batch import Padded

BLANK, SYMBOL = 0, 1
"""The two ways on from a node: to the next step, and to the next symbol of the transcript."""


def transcript_score(lattice: Padded, num_symbols: Tensor) -> Tensor:
    """The log-probability of each transcript: the sum over all paths from corner to corner.

    Column by column, in double precision: a path that writes its next symbol at some step has
    come there through the column's blanks, so that a column follows from the one before by sums
    over time alone. The gradient is exact; padding gets zero.

    Args:
        lattice: ``(B, T, U + 1, 2)`` log-probabilities of `BLANK` and `SYMBOL` at step t with u
            symbols written; finite, in the padding too.
        num_symbols: ``(B,)`` int64 on the CPU, U of each row, >= 0.

    Returns:
        ``(B,)`` float64, in nats. A path ends with the blank of the last step.

    Source:
        Graves 2012, arXiv 1211.3711, equation 16; checked against torchaudio.
    """
    blank, symbol = lattice.data.double().unbind(dim=3)  # (B, T, U + 1) each
    above = blank.cumsum(dim=1) - blank  # of the blanks before each node of a column
    columns = [above[..., 0]]  # (B, T)
    for u in range(blank.shape[2] - 1):
        entered = columns[-1] + symbol[..., u] - above[..., u + 1]
        columns.append(above[..., u + 1] + entered.logcumsumexp(dim=1))
    corner = torch.arange(len(blank)), lattice.lengths - 1, num_symbols
    forward = torch.stack(columns, dim=2)  # (B, T, U + 1)
    return forward[corner] + blank[corner]
