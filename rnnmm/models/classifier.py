"""One class for a whole sequence."""

from collections.abc import Callable

from torch import Tensor, nn

from rnnmm.batch import Padded
from rnnmm.domain import Probability
from rnnmm.nn.dropout import Dropout
from rnnmm.nn.pooling import AttentiveStatistics, MeanPooling


class Classifier(nn.Module):
    """An encoder, a pooling over time, and one score per class.

    Args:
        encoder: features to steps.
        num_outputs: K classes.
        pooling: makes the pooling for a given input size (`rnnmm.nn.pooling`).
        dropout: in training, on the pooled vector.
    """

    def __init__(
        self,
        encoder: nn.Module,
        num_outputs: int,
        pooling: Callable[[int], nn.Module] = AttentiveStatistics,
        dropout: Probability = 0.0,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.pooling = pooling(int(encoder.output_dim))  # type: ignore[arg-type]
        pooled_dim = int(self.pooling.output_dim)  # type: ignore[arg-type]
        self.head = nn.Sequential(
            nn.LayerNorm(pooled_dim), Dropout(dropout), nn.Linear(pooled_dim, num_outputs)
        )

    def forward(self, x: Padded) -> Tensor:
        """Features -> class scores ``(B, K)`` (logits)."""
        return self.head(self.pooling(self.encoder(x)))  # type: ignore[no-any-return]


class Consensus(nn.Module):
    """An encoder, class scores of every step by itself, and their mean over time.

    Over an encoder without recurrence this is what the best recognisers without one do: frames
    vote, and their order does not count.

    Args:
        encoder: features to steps.
        num_outputs: K classes.
        dropout: in training, on the steps.

    Source:
        Wang et al. 2016, "Temporal segment networks", arXiv 1608.00859, equation 1 with the mean
        of scores as the consensus.
    """

    def __init__(self, encoder: nn.Module, num_outputs: int, dropout: Probability = 0.0) -> None:
        super().__init__()
        step_dim = int(encoder.output_dim)  # type: ignore[arg-type]
        self.encoder = encoder
        self.head = nn.Sequential(
            nn.LayerNorm(step_dim), Dropout(dropout), nn.Linear(step_dim, num_outputs)
        )
        self.mean = MeanPooling(num_outputs)

    def forward(self, x: Padded) -> Tensor:
        """Features -> class scores ``(B, K)`` (logits)."""
        steps: Padded = self.encoder(x)
        return self.mean(steps.with_data(self.head(steps.data)))  # type: ignore[no-any-return]
