"""Losses: means over valid elements; padding has zero gradient."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from rnnmm.batch import Padded


def ctc_loss(
    log_probs: Padded, targets: Padded, blank: int = 0, label_smoothing: float = 0.0
) -> Tensor:
    """Connectionist temporal classification, in nats per target symbol.

    CTC has no label at a step that could be smoothed, so each step is drawn to the uniform
    distribution: ``(1 - s) CTC + s KL(uniform | step)``, the latter in nats per step.

    Args:
        log_probs: ``(B, T, K)``, normalised over K.
        targets: ``(B, U)`` symbols without blanks.
        blank: index of the blank.
        label_smoothing: s, in [0, 1).

    Returns:
        A scalar. A row that no alignment fits (`ctc_steps` > T) counts nothing, for its loss is
        infinite; the data check names such rows before training.

    Source:
        Graves et al. 2006; computed by torch. Smoothing: Kim et al. 2018, arXiv 1711.02212.
    """
    losses = functional.ctc_loss(
        log_probs.data.transpose(0, 1),  # (T, B, K)
        targets.data,
        log_probs.lengths,
        targets.lengths,
        blank=blank,
        reduction="none",
        zero_infinity=True,
    )  # (B,)
    symbols = targets.lengths.to(losses.device, non_blocking=True) * (losses > 0)
    loss: Tensor = losses.sum() / symbols.sum().clamp(min=1)
    if not label_smoothing:
        return loss
    return (1 - label_smoothing) * loss + label_smoothing * uniformity_loss(log_probs)


def uniformity_loss(log_probs: Padded) -> Tensor:
    """How far the answers are from the uniform distribution U, ``KL(U | P)`` in nats per step.

    Args:
        log_probs: ``(B, T, K)``, normalised over K.
    """
    steps = -log_probs.data.mean(dim=-1) - math.log(log_probs.data.shape[-1])  # (B, T)
    total = steps.masked_fill(~log_probs.mask, 0.0).sum()
    return total / log_probs.lengths.sum().clamp(min=1)


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
    """Cross-entropy of ``(B, K)`` against ``(B,)`` classes, in nats per item.

    Mixed items have ``(B, K)`` floating-point shares instead of a class.
    """
    return functional.cross_entropy(logits.float(), labels, label_smoothing=label_smoothing)


def label_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Binary cross-entropy of ``(B, K)`` against shares in 0..1, in nats per item and label."""
    return functional.binary_cross_entropy_with_logits(logits.float(), labels)


def token_loss(logits: Padded, targets: Padded, label_smoothing: float = 0.0) -> Tensor:
    """Cross-entropy of ``(B, U, K)`` against ``(B, U)`` tokens, in nats per valid token."""
    valid = torch.nonzero(targets.mask.flatten()).squeeze(1)
    return functional.cross_entropy(
        logits.data.flatten(0, 1)[valid].float(),
        targets.data.flatten()[valid],
        label_smoothing=label_smoothing,
    )


def tag_loss(logits: Padded, tags: Padded) -> Tensor:
    """Binary cross-entropy of ``(B, T, K)`` against 0 and 1, in nats per valid step and label."""
    return functional.binary_cross_entropy_with_logits(
        logits.data[logits.mask].float(), tags.data[tags.mask]
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


def coverage_loss(weights: Padded, mask: Tensor) -> Tensor:
    """How unequally a caption as a whole has looked at the steps of its memory, per row.

    Args:
        weights: ``(B, U, S)``, where each word looked.
        mask: ``(B, S)``, the steps that are valid.

    Returns:
        A scalar: the sum over steps of (1 - what all words together looked there) squared.

    Source:
        Xu et al. 2015, arXiv 1502.03044, equation 14 (doubly stochastic attention).
    """
    seen = weights.zeroed().data.sum(dim=1)  # (B, S)
    return (1 - seen).square().masked_fill(~mask, 0.0).sum() / len(seen)


def policy_loss(log_probs: Padded, advantages: Tensor) -> Tensor:
    """Minus what a policy gradient raises: drawn tokens, each by how much better its row was.

    Args:
        log_probs: ``(B, U)`` of the tokens drawn.
        advantages: ``(B,)``, reward above baseline; no gradient flows into it.

    Returns:
        A scalar: the mean over valid tokens.

    Source:
        Rennie et al. 2017, arXiv 1612.00563, equation 9.
    """
    gained = advantages.detach().to(log_probs.data.dtype)[:, None] * log_probs.zeroed().data
    return -gained.sum() / log_probs.lengths.sum().clamp(min=1)
