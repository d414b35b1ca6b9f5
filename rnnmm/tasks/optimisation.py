"""The optimiser and its learning rate, a function of progress alone."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from rnnmm.domain import Fraction, NotNegative, Positive, Probability


@dataclass(frozen=True, slots=True)
class AdamW:
    """AdamW with a linear warm-up and a decay over the whole run.

    Args:
        learning_rate: at its highest.
        weight_decay: on matrices and kernels; biases, norms and embeddings have none.
        warmup: fraction of the run in which the rate rises from zero.
        decay: "cosine" falls to zero at the end, "none" stays at the top.
        betas: Adam's two decays.

    Source:
        Loshchilov & Hutter 2019, arXiv 1711.05101.
    """

    learning_rate: Positive = 1e-3
    weight_decay: NotNegative = 0.01
    warmup: Fraction = 0.05
    decay: Literal["cosine", "none"] = "cosine"
    betas: tuple[Probability, Probability] = (0.9, 0.98)

    def make(self, parameters: Iterable[tuple[str, nn.Parameter]]) -> torch.optim.Optimizer:
        """The optimiser of these named parameters."""
        trained = [(name, value) for name, value in parameters if value.requires_grad]
        plain = [value for name, value in trained if value.ndim < 2 or "embedding" in name]
        decayed = [value for name, value in trained if value.ndim >= 2 and "embedding" not in name]
        groups = [
            {"params": decayed, "weight_decay": self.weight_decay},
            {"params": plain, "weight_decay": 0.0},
        ]
        first, second = self.betas
        return torch.optim.AdamW(groups, lr=self.learning_rate, betas=(first, second))

    def rate_at(self, progress: float) -> float:
        """The learning rate when this fraction of the run, in [0, 1], is done."""
        if progress < self.warmup:
            return self.learning_rate * progress / self.warmup
        if self.decay == "none":
            return self.learning_rate
        done = (progress - self.warmup) / max(1e-9, 1.0 - self.warmup)
        return self.learning_rate * 0.5 * (1.0 + math.cos(math.pi * min(1.0, done)))
