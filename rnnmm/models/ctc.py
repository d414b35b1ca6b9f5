"""Frame-wise symbol scores for CTC."""

from torch import nn

from rnnmm.batch import Padded


class CtcModel(nn.Module):
    """An encoder and one score per symbol and step.

    Args:
        encoder: features to steps.
        num_outputs: K symbols, the blank (index 0) among them.
    """

    def __init__(self, encoder: nn.Module, num_outputs: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(int(encoder.output_dim), num_outputs)  # type: ignore[arg-type]

    def forward(self, x: Padded) -> Padded:
        """``(B, T, F)`` -> log-probabilities ``(B, T', K)``."""
        steps: Padded = self.encoder(x)
        return steps.with_data(self.head(steps.data).float().log_softmax(dim=-1))
