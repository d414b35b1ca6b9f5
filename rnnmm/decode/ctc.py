"""CTC decoding: steps to symbols."""

from rnnmm.batch import Padded
from rnnmm.decode.hypothesis import Hypothesis


def greedy_ctc(log_probs: Padded, step_s: float = 0.0, blank: int = 0) -> list[Hypothesis]:
    """The best symbol of each step, repeats folded, blanks dropped.

    Args:
        log_probs: ``(B, T, K)``.
        step_s: seconds from one step to the next; 0 where unknown, and then no times are given.
        blank: index of the blank.

    Returns:
        One hypothesis per row; its score is the log-probability of the best path, its times are
        where each symbol first spikes.
    """
    best, symbols = log_probs.data.detach().max(dim=-1)  # (B, T) each
    hypotheses = []
    for row, scores, length in zip(
        symbols.cpu().tolist(), best.double().cpu(), log_probs.lengths.tolist()
    ):
        spikes = [
            (step, symbol)
            for step, symbol in enumerate(row[:length])
            if symbol != blank and (step == 0 or symbol != row[step - 1])
        ]
        times_s = tuple(step * step_s for step, _ in spikes) if step_s else ()
        score = float(scores[:length].sum())
        hypotheses.append(Hypothesis(tuple(symbol for _, symbol in spikes), score, times_s))
    return hypotheses
