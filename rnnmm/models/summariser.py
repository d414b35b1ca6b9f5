"""How much each moment of a video is worth seeing."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from rnnmm.batch import Padded
from rnnmm.domain import Probability, Size
from rnnmm.nn.dpp import dpp_kernel, dpp_log_probability, dpp_marginals
from rnnmm.nn.dropout import Dropout


class Summariser(nn.Module, ABC):
    """An encoder and, from each of its steps, what the step says of its frame.

    Args:
        encoder: frames to as many steps, both ways in time.
        num_scores: of each step.
        dropout: in training, on the hidden layer between.

    Source:
        Zhang et al. 2016, "Video summarization with long short-term memory", arXiv 1605.08110.
    """

    def __init__(self, encoder: nn.Module, num_scores: int, dropout: float) -> None:
        super().__init__()
        self.encoder = encoder
        dim = int(encoder.output_dim)  # type: ignore[arg-type]
        self.hidden = nn.Linear(dim, dim)
        self.dropout = Dropout(dropout)
        self.head = nn.Linear(dim, num_scores)

    def forward(self, x: Padded) -> Padded:
        """``(B, T, ...)`` -> ``(B, T, num_scores)``, zeros as padding."""
        steps = self.encoder(x)
        hidden = self.dropout(torch.relu(self.hidden(steps.data)))
        return x.with_data(self.head(hidden)).zeroed()

    @abstractmethod
    def importance(self, scores: Padded) -> Padded:
        """What `forward` gave -> ``(B, T)`` in 0..1; anything at the padding."""

    @abstractmethod
    def loss(self, scores: Padded, targets: Padded) -> Tensor:
        """A scalar: the mean over valid steps.

        Args:
            scores: what `forward` gave.
            targets: ``(B, T, 2)``: importance 0..1, and 1 for a key frame, else 0.
        """


class ImportanceSummariser(Summariser):
    """vsLSTM: the importance of each frame, learned by its mean square error.

    Args:
        encoder, dropout: as in `Summariser`.
    """

    def __init__(self, encoder: nn.Module, dropout: Probability = 0.0) -> None:
        super().__init__(encoder, 1, dropout)

    def importance(self, scores: Padded) -> Padded:
        """The sigmoid."""
        return scores.with_data(scores.data[..., 0].sigmoid())

    def loss(self, scores: Padded, targets: Padded) -> Tensor:
        """The mean square error of the importance."""
        errors = self.importance(scores).data - targets.data[..., 0]  # (B, T)
        mask = scores.mask
        return errors.masked_fill(~mask, 0.0).square().sum() / mask.sum()


class DppSummariser(Summariser):
    """dppLSTM: key frames that are good and unlike each other, learned by their log-likelihood.

    A frame is as important as it is probable in a draw, so that both models' answers become shots
    in one way. (The paper draws the likeliest set instead.)

    Args:
        encoder, dropout: as in `Summariser`.
        kind_dim: D of the vectors whose cosine is how alike two frames are.
    """

    def __init__(
        self, encoder: nn.Module, dropout: Probability = 0.0, kind_dim: Size = 64
    ) -> None:
        super().__init__(encoder, 1 + kind_dim, dropout)

    def importance(self, scores: Padded) -> Padded:
        """Marginal probabilities."""
        rows = [dpp_marginals(kernel) for kernel in _kernels(scores)]
        return Padded(torch.nn.utils.rnn.pad_sequence(rows, batch_first=True), scores.lengths)

    def loss(self, scores: Padded, targets: Padded) -> Tensor:
        """The negative log-probability of the key frames, per frame."""
        chosen = [row[:, 1] > 0 for row in targets.rows()]
        told = [dpp_log_probability(*each) for each in zip(_kernels(scores), chosen)]
        return -torch.stack(told).sum() / int(scores.lengths.sum())


def _kernels(scores: Padded) -> list[Tensor]:
    return [dpp_kernel(row[:, 0], row[:, 1:]) for row in scores.rows()]
