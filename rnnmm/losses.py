"""Losses: means over valid elements; padding has zero gradient."""

import torch
from torch import Tensor
from torch.nn import functional

from rnnmm.batch import Padded


def ctc_loss(log_probs: Padded, targets: Padded, blank: int = 0) -> Tensor:
    """Connectionist temporal classification, in nats per target symbol.

    Args:
        log_probs: ``(B, T, K)``, normalised over K.
        targets: ``(B, U)`` symbols without blanks.
        blank: index of the blank.

    Returns:
        A scalar. A row that no alignment fits (`ctc_steps` > T) counts nothing, for its loss is
        infinite; the data check names such rows before training.

    Source:
        Graves et al. 2006; computed by torch.
    """
    total = functional.ctc_loss(
        log_probs.data.transpose(0, 1),  # (T, B, K)
        targets.data,
        log_probs.lengths,
        targets.lengths,
        blank=blank,
        reduction="sum",
        zero_infinity=True,
    )
    return total / targets.lengths.sum().clamp(min=1)


def consistency_loss(log_probs: Padded, targets: Padded, views: int) -> Tensor:
    """How far the answers to several views of the same frames are apart, in nats per symbol.

    Each view is drawn to each other one, which stands still meanwhile.

    Args:
        log_probs: ``(V B, T, K)``, normalised over K; view v in the rows ``[v B, (v + 1) B)``.
        targets: ``(V B, U)``, whose symbols are counted.
        views: V >= 2.

    Source:
        Yao et al. 2024, "CR-CTC", arXiv 2410.05101, equation 6.
    """
    answers = log_probs.data.reshape(views, -1, *log_probs.data.shape[1:])  # (V, B, T, K)
    drawn, still = answers[:, None], answers.detach()[None]
    apart = (still.exp() * (still - drawn)).sum(dim=-1)  # (V, V, B, T), zero between the same
    valid = log_probs.mask.reshape(answers.shape[:3])
    total: Tensor = apart.masked_fill(~valid, 0.0).sum() / (views - 1)
    return total / targets.lengths.sum().clamp(min=1)


def ctc_steps(targets: Padded) -> Tensor:
    """``(B,)``: the fewest steps an alignment needs: symbols, and a blank between equal ones."""
    repeats = (targets.data[:, 1:] == targets.data[:, :-1]) & targets.mask[:, 1:]
    return targets.lengths + repeats.sum(dim=1).cpu()


def class_loss(logits: Tensor, labels: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Cross-entropy of ``(B, K)`` against ``(B,)`` classes, in nats per item."""
    return functional.cross_entropy(logits.float(), labels, label_smoothing=label_smoothing)


def token_loss(logits: Padded, targets: Padded, label_smoothing: float = 0.0) -> Tensor:
    """Cross-entropy of ``(B, U, K)`` against ``(B, U)`` tokens, in nats per valid token."""
    valid = torch.nonzero(targets.mask.flatten()).squeeze(1)
    return functional.cross_entropy(
        logits.data.flatten(0, 1)[valid].float(),
        targets.data.flatten()[valid],
        label_smoothing=label_smoothing,
    )


def bag_loss(logits: Tensor, targets: Padded) -> Tensor:
    """Binary cross-entropy of which tokens occur, whatever their order, in nats per row.

    Args:
        logits: ``(B, K)``, one for each token.
        targets: ``(B R, U)`` tokens, R sequences for each row, which stand together.

    Returns:
        A scalar. A token that occurs in some of a row's sequences is asked for in that measure.
    """
    rows, num_outputs = logits.shape
    # One place more, which is cut off again, takes what stands in the padding.
    tokens = targets.data.masked_fill(~targets.mask, num_outputs)
    seen = logits.new_zeros(len(tokens), num_outputs + 1, dtype=torch.float32)
    seen = seen.scatter(1, tokens, 1.0)[:, :-1].reshape(rows, -1, num_outputs).mean(dim=1)
    loss = functional.binary_cross_entropy_with_logits(logits.float(), seen, reduction="sum")
    return loss / rows
