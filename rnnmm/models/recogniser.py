"""What every recogniser of speech promises, whatever its criterion."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from torch import Tensor, nn

from rnnmm.batch import Padded
from rnnmm.decode.alignment import with_spans
from rnnmm.decode.hypothesis import Hypothesis, Span
from rnnmm.models.encoder import stride_of


class Recogniser(nn.Module, ABC):
    """Frames to symbols: learned from transcripts, answered with the best few.

    search: how answers are found, in the form that the model's criterion asks for.

    Symbol 0 stands for no text. To CTC and to the transducer it is the blank; an attention
    decoder begins with it and writes it to end, as "<bos>" and "<eos>" in one: it is never asked
    for the one where the other is meant. So one vocabulary fits all criteria.
    """

    encoder: nn.Module
    search: object

    @property
    def stride(self) -> int:
        """Frames per step of the encoder."""
        return stride_of(self.encoder)

    @abstractmethod
    def loss(self, x: Padded, targets: Padded) -> Tensor:
        """What training makes small, in nats per symbol.

        Args:
            x: ``(V B, T, F)``: V views of the batch one after the other, see
                `rnnmm.features.augment.Views`.
            targets: ``(B, U)`` symbols, none of them 0.
        """

    @abstractmethod
    def listen(self, x: Padded) -> Padded:
        """``(B, T, F)`` -> ``(B, T', ...)``: all of the input that a search looks at."""

    @abstractmethod
    def find(self, heard: Padded) -> list[list[Hypothesis]]:
        """For each row its answers, at least one, best first, by `search`.

        Args:
            heard: what `listen` gives.
        """

    @abstractmethod
    def locate(
        self, heard: Padded, found: Sequence[Sequence[Hypothesis]]
    ) -> list[tuple[Span, ...]]:
        """Where in the encoder's steps the tokens of each row's best answer stand.

        Args:
            heard: what `listen` gives, and
            found: what `find` gives for it.

        Returns:
            One span per token, or none at all where that cannot be told.
        """

    def decode(self, x: Padded) -> list[list[Hypothesis]]:
        """``(B, T, F)`` -> for each row its answers, the best one with its spans."""
        heard = self.listen(x)
        found = self.find(heard)
        return with_spans(found, self.locate(heard, found))

    def fault(self, num_frames: int, targets: Padded) -> str | None:
        """Why ``(1, U)`` targets cannot be learned from so many frames; None: they can."""
        return None


def repeat_views(targets: Padded, num_rows: int) -> Padded:
    """``(B, U)`` targets once for each view: ``(num_rows, U)``, zeros as padding.

    Args:
        targets: of one view.
        num_rows: V B, of all views.
    """
    views = num_rows // len(targets.lengths)
    return Padded(targets.zeroed().data.repeat(views, 1), targets.lengths.repeat(views))
