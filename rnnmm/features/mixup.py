"""MixUp: in training each clip shines through another one of its batch, and its label with it."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from rnnmm.batch import AudioVisual, Padded

_SEEDS = 2**63 - 1


@dataclass(frozen=True, eq=False)
class Mixing:
    """Who is mixed with whom, and how much stays of each.

    Args:
        partner: ``(B,)`` int64, on the CPU: a permutation.
        share: ``(B,)`` float32 in 0..1, on the CPU: what stays of an item; the rest is its
            partner's.

    Source:
        Zhang et al. 2018, "mixup", arXiv 1710.09412, with a share of its own for each item.
    """

    partner: Tensor
    share: Tensor

    def frames(self, x: Padded) -> Padded:
        """Mixes features of equal size; a partner is played at the speed that makes it as long.

        Args:
            x: ``(B, T, ...)`` floating point.

        Returns:
            The same shape and lengths, zero where there is padding.

        Raises:
            ValueError: ``x`` is sound beside pictures.
        """
        if isinstance(x, AudioVisual):
            raise ValueError(
                "mixup: expected sound or pictures alone, got both; set task.target.mixup=0"
            )
        rows, device = x.rows(), x.data.device
        mixed = torch.zeros_like(x.data)
        for to, row, other, share in zip(mixed, rows, self.partner.tolist(), self.share.tolist()):
            partner = rows[other]
            # The old step at the centre of each new one; in integers, so that it is exact.
            steps = (2 * torch.arange(len(row)) + 1) * len(partner) // (2 * max(len(row), 1))
            seen = partner[steps.to(device, non_blocking=True)]
            to[: len(row)] = share * row + (1 - share) * seen
        return x.with_data(mixed)

    def targets(self, targets: Tensor) -> Tensor:
        """``(B, K)`` floating point, such as one-hot labels: mixed in the same shares."""
        share = self.share.to(targets.device, non_blocking=True)[:, None]
        partner = self.partner.to(targets.device, non_blocking=True)
        return share * targets + (1 - share) * targets[partner]


def draw_mixing(batch: int, alpha: float, generator: torch.Generator) -> Mixing:
    """Draws partners, and shares from Beta(alpha, alpha).

    Args:
        batch: B items.
        alpha: > 0; below 1 most items stay nearly alone, at 1 all shares are as likely.
        generator: on the CPU; advanced.
    """
    partner = torch.randperm(batch, generator=generator)
    # torch draws from Beta without a generator of one's own alone.
    seed = int(torch.randint(_SEEDS, (), generator=generator))
    share = np.random.default_rng(seed).beta(alpha, alpha, batch)
    return Mixing(partner, torch.from_numpy(share.astype(np.float32)))


def one_hot(labels: Tensor, num_classes: int) -> Tensor:
    """``(B,)`` int64 -> ``(B, K)`` float32."""
    return functional.one_hot(labels, num_classes).float()
