"""Any number of labels in every frame."""

from typing import Any

from numpy.typing import NDArray
from torch import Tensor, nn

from rnnmm.batch import Padded
from rnnmm.decode.segments import SegmentRule
from rnnmm.domain import Probability
from rnnmm.models.encoder import stride_of
from rnnmm.nn.dropout import Dropout


class Tagger(nn.Module):
    """An encoder, and from each of its steps the scores of all the frames it stands for.

    A step of an encoder with stride S gives S times K scores: the label grid is that of the
    features, however coarse the encoder's. Labels do not exclude each other: each is a yes or no
    of its own, and a frame without any is background. With an encoder that reads from left to
    right a frame's score depends on no frame behind those its own step looks at.

    Args:
        encoder: features to steps, whose number is decided by that of the frames.
        num_outputs: K labels.
        dropout: in training, on the steps.
        rule: how probabilities become segments; None: where they are at least 0.5.

    Raises:
        ValueError: The encoder does not tell how many steps it makes of so many frames.
    """

    def __init__(
        self,
        encoder: nn.Module,
        num_outputs: int,
        dropout: Probability = 0.0,
        rule: SegmentRule | None = None,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        if not hasattr(encoder, "output_lengths"):
            raise ValueError(
                f"tagger: expected an encoder that tells its output_lengths, such as "
                f"rnnmm.models.encoder.Crnn or CnnRnn, got {type(encoder).__name__}"
            )
        self.stride = stride_of(encoder)
        self.rule = SegmentRule() if rule is None else rule
        self.dropout = Dropout(dropout)
        self.head = nn.Linear(int(encoder.output_dim), self.stride * num_outputs)  # type: ignore[arg-type]

    def forward(self, x: Padded) -> Padded:
        """Features ``(B, T, ...)`` -> label scores ``(B, T, K)`` (logits), zeros as padding."""
        steps = self.encoder(x)
        scores: Tensor = self.head(self.dropout(steps.data))  # (B, T', S K)
        num_outputs = scores.shape[2] // self.stride
        fine = scores.reshape(len(scores), -1, num_outputs)  # (B, T' S, K)
        return x.with_data(fine[:, : x.data.shape[1]]).zeroed()


def probabilities(scores: Padded) -> list[NDArray[Any]]:
    """Logits ``(B, T, K)`` -> for each row ``(T, K)`` float32 in 0..1."""
    sure = scores.data.detach().float().sigmoid().cpu()
    return [row.numpy() for row in scores.with_data(sure).rows()]
