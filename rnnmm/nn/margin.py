"""Heads that teach an encoder to tell training classes apart; afterwards only embeddings count."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from rnnmm.domain import Fraction, NotNegative, Positive, Size
from rnnmm.losses import class_loss


class SoftmaxHead(nn.Module):
    """One linear score per class.

    Args:
        input_dim: D of an embedding.
        num_outputs: K classes.
    """

    def __init__(self, input_dim: int, num_outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(input_dim, num_outputs)

    def forward(self, embeddings: Tensor) -> Tensor:
        """``(B, D)`` -> logits ``(B, K)``."""
        logits: Tensor = self.linear(embeddings)
        return logits

    def loss(self, embeddings: Tensor, labels: Tensor, progress: float) -> Tensor:
        """Cross-entropy, the same all through the training, in nats per item."""
        return class_loss(self.forward(embeddings), labels)


class MarginHead(nn.Module):
    """Cosines to learned centres, of which training asks more than being the largest.

    Training subtracts a margin from the right class: the angle to its centre must be smaller, by
    that much, than is needed to win. A class may have several centres, of which the nearest
    counts: they take in voices that sound different on different days, or wrong labels. The margin
    grows from nothing, for at the start it would only be in the way.

    Args:
        input_dim: D of an embedding.
        num_outputs: K classes.
        margin: radians, once it has grown.
        scale: of the cosines as logits; 15 suits a hundred classes, 30 thousands.
        sub_centres: centres of each class.
        ramp_start: part of the training after which the margin begins to grow, linearly.
        ramp_end: part after which it is whole, >= ``ramp_start``.

    Raises:
        ValueError: The ramp ends before it starts.

    Source:
        Deng et al. 2019, "ArcFace", arXiv 1801.07698; sub-centres: Deng et al. 2020, "Sub-center
        ArcFace", ECCV.
    """

    def __init__(
        self,
        input_dim: int,
        num_outputs: int,
        margin: NotNegative = 0.2,
        scale: Positive = 15.0,
        sub_centres: Size = 1,
        ramp_start: Fraction = 0.1,
        ramp_end: Fraction = 0.5,
    ) -> None:
        super().__init__()
        if ramp_end < ramp_start:
            raise ValueError(
                f"MarginHead: expected ramp_start <= ramp_end, got {ramp_start:g} and {ramp_end:g}"
            )
        self.margin = margin
        self.scale = scale
        self.ramp_start = ramp_start
        self.ramp_end = ramp_end
        self.centres = nn.Parameter(torch.empty(num_outputs, sub_centres, input_dim))
        nn.init.xavier_normal_(self.centres)

    def cosines(self, embeddings: Tensor) -> Tensor:
        """``(B, D)`` -> ``(B, K)``: to the nearest centre of each class."""
        centres = functional.normalize(self.centres, dim=2)  # (K, S, D)
        # An angle near zero needs the digits that half precision lacks.
        with torch.autocast(embeddings.device.type, enabled=False):
            embeddings = functional.normalize(embeddings.float(), dim=1)
            return torch.einsum("bd,ksd->bks", embeddings, centres).amax(dim=2)

    def forward(self, embeddings: Tensor) -> Tensor:
        """``(B, D)`` -> logits ``(B, K)``, without a margin."""
        return self.scale * self.cosines(embeddings)

    def loss(self, embeddings: Tensor, labels: Tensor, progress: float) -> Tensor:
        """Cross-entropy behind the margin of this moment, in nats per item.

        Args:
            embeddings: ``(B, D)``.
            labels: ``(B,)`` classes.
            progress: 0..1, the part of the training that is done.
        """
        cosines = self.cosines(embeddings)
        return angular_margin_loss(cosines, labels, self.margin_at(progress), self.scale)

    def margin_at(self, progress: float) -> float:
        """The margin, radians, when this part of the training, 0..1, is done."""
        if progress >= self.ramp_end:
            return self.margin
        if progress <= self.ramp_start:
            return 0.0
        return self.margin * (progress - self.ramp_start) / (self.ramp_end - self.ramp_start)


def angular_margin_loss(cosines: Tensor, labels: Tensor, margin: float, scale: float) -> Tensor:
    """Cross-entropy of scaled cosines after the angle to the right class grew by a margin.

    Where the grown angle would exceed half a turn, the cosine goes on falling in a straight line.

    Args:
        cosines: ``(B, K)`` in -1..1.
        labels: ``(B,)`` classes.
        margin: radians, 0..pi.
        scale: of the logits, > 0.

    Returns:
        A scalar, nats per item.
    """
    right = cosines.gather(1, labels[:, None])  # (B, 1)
    # The floor keeps the root's gradient finite at a cosine of one.
    sines = (1 - right.square()).clamp(min=1e-7).sqrt()
    turned = right * math.cos(margin) - sines * math.sin(margin)
    beyond = right - margin * math.sin(margin)
    harder = torch.where(right > math.cos(math.pi - margin), turned, beyond)
    return class_loss(scale * cosines.scatter(1, labels[:, None], harder), labels)
