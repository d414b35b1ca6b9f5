"""Frame-wise symbol scores for CTC."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from rnnmm.batch import Padded
from rnnmm.decode.alignment import ctc_spans
from rnnmm.decode.ctc import greedy_ctc
from rnnmm.decode.hypothesis import Hypothesis, Span
from rnnmm.decode.prefix import CtcBeam
from rnnmm.domain import NotNegative, Probability
from rnnmm.losses import consistency_loss, ctc_loss, ctc_steps
from rnnmm.models.recogniser import Recogniser, repeat_views


class CtcModel(Recogniser):
    """An encoder and one score per symbol and step.

    Args:
        encoder: features to steps.
        num_outputs: K symbols, the blank (index 0) among them.
        consistency: weight of `consistency_loss` where training shows several views of a batch.
        search: how to decode; None: the best symbol of each step, one answer a row.
        label_smoothing: how far training draws each step to the uniform distribution, see
            `ctc_loss`.
    """

    search: CtcBeam | None

    def __init__(
        self,
        encoder: nn.Module,
        num_outputs: int,
        consistency: NotNegative = 0.2,
        search: CtcBeam | None = None,
        label_smoothing: Probability = 0.0,
    ) -> None:
        super().__init__()
        self.label_smoothing = label_smoothing
        self.consistency = consistency
        self.search = search
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
        seen = repeat_views(targets, len(x.lengths))
        loss = ctc_loss(log_probs, seen, label_smoothing=self.label_smoothing)
        views = len(x.lengths) // len(targets.lengths)
        if views == 1:
            return loss
        return loss + self.consistency * consistency_loss(log_probs, seen, views)

    def listen(self, x: Padded) -> Padded:
        """``(B, T, F)`` -> ``(B, T', K)``, as `forward`."""
        return self.forward(x)

    def find(self, heard: Padded) -> list[list[Hypothesis]]:
        """By the best symbol of each step, where there is no search."""
        return self.search(heard) if self.search else [[one] for one in greedy_ctc(heard)]

    def locate(
        self, heard: Padded, found: Sequence[Sequence[Hypothesis]]
    ) -> list[tuple[Span, ...]]:
        """See `ctc_spans`."""
        rows = heard.to("cpu").rows()
        return [ctc_spans(row, few[0].tokens) for row, few in zip(rows, found)]

    def fault(self, num_frames: int, targets: Padded) -> str | None:
        """Too few steps for an alignment."""
        return alignment_fault(self.encoder, num_frames, targets)


def alignment_fault(encoder: nn.Module, num_frames: int, targets: Padded) -> str | None:
    """Why CTC fits no alignment of ``(1, U)`` targets to the steps of so many frames, or None."""
    steps = int(encoder.output_lengths(torch.tensor([num_frames])))  # type: ignore[operator]
    needed = int(ctc_steps(targets))
    if steps < needed:
        return f"too short for its transcript: {steps} steps, CTC needs {needed}"
    return None
