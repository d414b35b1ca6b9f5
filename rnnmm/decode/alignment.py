"""Where in the input the tokens of a known answer stand."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torchaudio.functional import forced_align


def ctc_spikes(log_probs: Tensor, tokens: Sequence[int], blank: int = 0) -> tuple[int, ...]:
    """The step at which each token first appears in the best CTC alignment of an answer.

    Args:
        log_probs: ``(T, K)``, without padding; T steps suffice for the tokens, a blank between
            equal neighbours included.
        tokens: ``(U,)``, no blanks.
        blank: index of the blank.

    Returns:
        U steps, rising.
    """
    if not tokens:
        return ()
    path, _ = forced_align(
        log_probs.detach().cpu()[None], torch.tensor([list(tokens)]), blank=blank
    )
    symbols = path[0].tolist()
    return tuple(
        step
        for step, symbol in enumerate(symbols)
        if symbol != blank and (step == 0 or symbol != symbols[step - 1])
    )
