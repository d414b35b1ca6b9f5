"""CTC as a scorer of beginnings: how probable it is that a transcript begins so."""

from typing import NamedTuple

import torch
from torch import Tensor

from rnnmm.batch import Padded


class PrefixState(NamedTuple):
    """All alignments of one beginning g a row, in log-probabilities.

    log_probs: ``(M, T, K)`` of the symbols at each step, the blank at 0. valid: ``(M, T)``.
    in_blank, in_symbol: ``(M, T + 1)``, that g stands written after so many steps and the last of
    them was a blank, or its last symbol. last: ``(M,)``, that symbol, 0 where there is none.
    total: ``(M,)``, that a transcript begins with g.
    """

    log_probs: Tensor
    valid: Tensor
    in_blank: Tensor
    in_symbol: Tensor
    last: Tensor
    total: Tensor

    def repeat(self, width: int) -> "PrefixState":
        """Every row so many times, one behind the other."""
        return PrefixState(*[part.repeat_interleave(width, dim=0) for part in self])

    def select(self, rows: Tensor) -> "PrefixState":
        """These rows ``(M,)``, each of the same item as the row whose place it takes."""
        return PrefixState(self.log_probs, self.valid, *[part[rows] for part in self[2:]])


def begin_prefix(log_probs: Padded) -> PrefixState:
    """The empty beginning.

    Args:
        log_probs: ``(B, T, K)``, normalised over K and finite; computed in double precision.
    """
    data = log_probs.zeroed().data.double()
    in_blank = torch.nn.functional.pad(data[..., 0].cumsum(dim=1), (1, 0))  # (B, T + 1)
    nothing = torch.full_like(in_blank, -torch.inf)
    last = torch.zeros(len(data), dtype=torch.int64, device=data.device)
    return PrefixState(data, log_probs.mask, in_blank, nothing, last, in_blank[:, 0])


def score_prefixes(state: PrefixState) -> Tensor:
    """``(M, K)``: each next symbol's log-probability, given the beginning; 0 is the end.

    They sum to one: a transcript that begins with g either ends there or goes on. -inf where the
    steps do not suffice.

    Source:
        Hori et al. 2017, "Joint CTC/attention decoding for end-to-end speech recognition",
        algorithm 2.
    """
    either = torch.logaddexp(state.in_blank, state.in_symbol)[:, :-1]  # (M, T)
    entered = either.masked_fill(~state.valid, -torch.inf)[..., None] + state.log_probs
    scores = entered.logsumexp(dim=1)  # (M, K)
    again = _entered(state, state.last).logsumexp(dim=1)
    scores = scores.scatter(1, state.last[:, None], again[:, None])
    num_steps = state.valid.sum(dim=1, keepdim=True)
    scores[:, 0] = torch.logaddexp(
        state.in_blank.gather(1, num_steps), state.in_symbol.gather(1, num_steps)
    )[:, 0]
    total = state.total[:, None]
    return torch.where(total > -torch.inf, scores - total, -torch.inf)


def extend_prefixes(state: PrefixState, symbols: Tensor) -> PrefixState:
    """Every beginning with one more symbol ``(M,)``; where that is 0, it stays as it is."""
    entered = _entered(state, symbols)  # (M, T)
    blank = state.log_probs[..., 0]
    in_symbol = _linger(entered, _column(state, symbols))
    in_blank = _linger(in_symbol[:, :-1] + blank, blank)
    is_more = symbols > 0
    return PrefixState(
        state.log_probs,
        state.valid,
        torch.where(is_more[:, None], in_blank, state.in_blank),
        torch.where(is_more[:, None], in_symbol, state.in_symbol),
        torch.where(is_more, symbols, state.last),
        torch.where(is_more, entered.logsumexp(dim=1), state.total),
    )


def _entered(state: PrefixState, symbols: Tensor) -> Tensor:
    """``(M, T)``: that a further symbol ``(M,)`` begins at each step; -inf in the padding."""
    either = torch.logaddexp(state.in_blank, state.in_symbol)
    # What equals the last symbol and does not follow a blank would be a part of it.
    before = torch.where((symbols == state.last)[:, None], state.in_blank, either)[:, :-1]
    return (before + _column(state, symbols)).masked_fill(~state.valid, -torch.inf)


def _column(state: PrefixState, symbols: Tensor) -> Tensor:
    """``(M, T)``: the log-probabilities of one symbol ``(M,)`` a row."""
    index = symbols[:, None, None].expand(-1, state.log_probs.shape[1], 1)
    return state.log_probs.gather(2, index)[..., 0]


def _linger(entered: Tensor, stay: Tensor) -> Tensor:
    """``(M, T + 1)``: that something is so after each step.

    Args:
        entered: ``(M, T)``, that it begins at a step.
        stay: ``(M, T)``, that it goes on at a step, if it was so before it.
    """
    level = stay.cumsum(dim=1)
    inside = level + (entered - level).logcumsumexp(dim=1)
    return torch.nn.functional.pad(inside, (1, 0), value=-torch.inf)
