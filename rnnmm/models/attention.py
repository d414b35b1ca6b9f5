"""The attention encoder-decoder: listen, attend and spell."""

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from rnnmm.batch import Padded
from rnnmm.decode.alignment import attention_spans, best_tokens
from rnnmm.decode.attention import AttentionSearch, attention_beam
from rnnmm.decode.hypothesis import Hypothesis, Span
from rnnmm.models.recogniser import Recogniser, repeat_views
from rnnmm.nn.speller import Speller


class AttentionRecogniser(Recogniser):
    """An encoder, and an LSTM that attends to its steps while it writes.

    Args:
        encoder: features to steps.
        num_outputs: K symbols, beginning and end (index 0) among them.
        decoder: sizes of steps and outputs to the part that writes.
        search: how to decode; None: greedily.

    Source:
        Chan et al. 2016, arXiv 1508.01211.
    """

    search: AttentionSearch

    def __init__(
        self,
        encoder: nn.Module,
        num_outputs: int,
        decoder: Callable[[int, int], Speller] = Speller,
        search: AttentionSearch | None = None,
    ) -> None:
        super().__init__()
        self.search = search or AttentionSearch()
        self.encoder = encoder
        self.decoder = decoder(int(encoder.output_dim), num_outputs)  # type: ignore[arg-type]

    def forward(self, x: Padded, symbols: Padded) -> Padded:
        """Scores what follows each symbol, given the true ones before it.

        Args:
            x: ``(B, T, F)``.
            symbols: ``(B, U)``, without beginning and end.

        Returns:
            Logits ``(B, U + 1, K)``: row u scores what follows u symbols.
        """
        return self.decoder.forward(self.encoder(x), symbols)

    def loss(self, x: Padded, targets: Padded) -> Tensor:
        """Cross-entropy per symbol of ``(B, U)`` targets, the end among them."""
        return self.decoder.loss(self.encoder(x), repeat_views(targets, len(x.lengths)))

    def listen(self, x: Padded) -> Padded:
        """``(B, T, F)`` -> ``(B, T', M)``: the encoder's steps."""
        steps: Padded = self.encoder(x)
        return steps

    def find(self, heard: Padded) -> list[list[Hypothesis]]:
        """See `attention_beam`; no answer is longer than its steps."""
        longest = heard.lengths.to(heard.data.device)
        start = self.decoder.start(heard)
        return attention_beam(self.decoder.step, start, longest, self.search)

    def locate(
        self, heard: Padded, found: Sequence[Sequence[Hypothesis]]
    ) -> list[tuple[Span, ...]]:
        """See `attention_spans`."""
        return attention_spans(self.decoder, heard, best_tokens(found))
