"""The optimiser and its learning rate, a function of progress alone."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

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
        factors: by the name of a module, what the learning rate of everything below it is
            multiplied with, such as ``{frame_encoder: 0.1}`` for a backbone trained before;
            where several hold a parameter, the innermost counts.

    Source:
        Loshchilov & Hutter 2019, arXiv 1711.05101.
    """

    learning_rate: Positive = 1e-3
    weight_decay: NotNegative = 0.01
    warmup: Fraction = 0.05
    decay: Literal["cosine", "none"] = "cosine"
    betas: tuple[Probability, Probability] = (0.9, 0.98)
    factors: Mapping[str, Positive] = field(default_factory=dict)

    def make(self, parameters: Iterable[tuple[str, nn.Parameter]]) -> torch.optim.Optimizer:
        """The optimiser of these named parameters; frozen ones are left out.

        Raises:
            ValueError: Nothing that is trained lies below a module of ``factors``.
        """
        trained = [(name, value) for name, value in parameters if value.requires_grad]
        self._refuse_strangers([name for name, _ in trained])
        groups: dict[float, list[tuple[str, nn.Parameter]]] = defaultdict(list, {1.0: []})
        for name, value in trained:
            groups[self._factor(name)].append((name, value))
        first, second = self.betas
        return torch.optim.AdamW(
            [one for factor, below in groups.items() for one in self._groups(factor, below)],
            lr=self.learning_rate,
            betas=(first, second),
        )

    def set_rate(self, optimizer: torch.optim.Optimizer, progress: float) -> None:
        """Gives every group of `make`'s optimiser its rate for this fraction of the run."""
        rate = self.rate_at(progress)
        for group in optimizer.param_groups:
            # A checkpoint from before there were factors has none.
            group["lr"] = rate * group.get("factor", 1.0)

    def _groups(
        self, factor: float, named: list[tuple[str, nn.Parameter]]
    ) -> list[dict[str, Any]]:
        """The parameters that decay, and those that do not."""
        plain = [value for name, value in named if value.ndim < 2 or "embedding" in name]
        decayed = [value for name, value in named if value.ndim >= 2 and "embedding" not in name]
        return [
            {"params": decayed, "weight_decay": self.weight_decay, "factor": factor},
            {"params": plain, "weight_decay": 0.0, "factor": factor},
        ]

    def _factor(self, name: str) -> float:
        found = [(_depth(module, name), factor) for module, factor in self.factors.items()]
        return max(found)[1] if any(depth for depth, _ in found) else 1.0

    def _refuse_strangers(self, names: list[str]) -> None:
        for module in self.factors:
            if not any(_depth(module, name) for name in names):
                raise ValueError(
                    f"optim.factors: expected the name of a module with something to train in it, "
                    f"got {module!r}"
                )

    def rate_at(self, progress: float) -> float:
        """The learning rate when this fraction of the run, in [0, 1], is done."""
        if progress < self.warmup:
            return self.learning_rate * progress / self.warmup
        if self.decay == "none":
            return self.learning_rate
        done = (progress - self.warmup) / max(1e-9, 1.0 - self.warmup)
        return self.learning_rate * 0.5 * (1.0 + math.cos(math.pi * min(1.0, done)))


def _depth(module: str, name: str) -> int:
    """How far into a parameter's dotted name a module of this name ends; 0: it is in none."""
    place = f".{name}".rfind(f".{module}.")
    return 0 if place < 0 else place + len(module) + 1
