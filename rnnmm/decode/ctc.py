"""CTC decoding: steps to symbols."""

from rnnmm.batch import Padded
from rnnmm.decode.hypothesis import Hypothesis


def greedy_ctc(log_probs: Padded, blank: int = 0) -> list[Hypothesis]:
    """The best symbol of each step, repeats folded, blanks dropped.

    Args:
        log_probs: ``(B, T, K)``.
        blank: index of the blank.

    Returns:
        One hypothesis per row; its score is the log-probability of the best path.
    """
    best, symbols = log_probs.data.detach().max(dim=-1)  # (B, T) each
    totals = best.double().cpu()
    hypotheses = []
    for row, scores, length in zip(symbols.cpu().tolist(), totals, log_probs.lengths.tolist()):
        spikes = tuple(
            symbol
            for step, symbol in enumerate(row[:length])
            if symbol != blank and (step == 0 or symbol != row[step - 1])
        )
        hypotheses.append(Hypothesis(spikes, float(scores[:length].sum())))
    return hypotheses
