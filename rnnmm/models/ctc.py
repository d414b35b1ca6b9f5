"""Frame-wise symbol scores for CTC."""

from torch import Tensor, nn

from rnnmm.batch import Padded
from rnnmm.domain import NotNegative
from rnnmm.losses import consistency_loss, ctc_loss


class CtcModel(nn.Module):
    """An encoder and one score per symbol and step.

    Args:
        encoder: features to steps.
        num_outputs: K symbols, the blank (index 0) among them.
        consistency: weight of `consistency_loss` where training shows several views of a batch.
    """

    def __init__(
        self, encoder: nn.Module, num_outputs: int, consistency: NotNegative = 0.2
    ) -> None:
        super().__init__()
        self.consistency = consistency
        self.encoder = encoder
        self.head = nn.Linear(int(encoder.output_dim), num_outputs)  # type: ignore[arg-type]

    def forward(self, x: Padded) -> Padded:
        """``(B, T, F)`` -> log-probabilities ``(B, T', K)``."""
        steps: Padded = self.encoder(x)
        return steps.with_data(self.head(steps.data).float().log_softmax(dim=-1))

    def loss(self, x: Padded, targets: Padded) -> Tensor:
        """CTC per symbol of ``(B, U)`` targets, and how far the views of an utterance are apart.

        Args:
            x: ``(V B, T, F)``: V views of the batch one after the other, see `Views`.
            targets: ``(B, U)`` symbols, without blanks.
        """
        log_probs = self.forward(x)
        views = len(x.lengths) // len(targets.lengths)
        seen = Padded(targets.data.repeat(views, 1), targets.lengths.repeat(views))
        loss = ctc_loss(log_probs, seen)
        if views == 1:
            return loss
        return loss + self.consistency * consistency_loss(log_probs, seen, views)
