"""Joint CTC-attention: one encoder, two criteria, one search."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from torch import Tensor, nn

from rnnmm.batch import Padded
from rnnmm.decode.alignment import attention_spans, best_tokens, ctc_spans
from rnnmm.decode.attention import AttentionSearch, attention_beam
from rnnmm.decode.hypothesis import Hypothesis, Span
from rnnmm.decode.prefix_score import PrefixState, begin_prefix, extend_prefixes, score_prefixes
from rnnmm.domain import Fraction
from rnnmm.losses import ctc_loss
from rnnmm.models.ctc import alignment_fault
from rnnmm.models.recogniser import Recogniser, repeat_views
from rnnmm.nn.speller import Speller, Spelling


class JointState(NamedTuple):
    """What the two know after some symbols: a value, one row per hypothesis."""

    spelling: Spelling
    prefix: PrefixState

    def repeat(self, width: int) -> "JointState":
        """Every row so many times, one behind the other."""
        return JointState(self.spelling.repeat(width), self.prefix.repeat(width))

    def select(self, rows: Tensor) -> "JointState":
        """These rows ``(M,)``, each of the same item as the row whose place it takes."""
        return JointState(self.spelling.select(rows), self.prefix.select(rows))


class JointCtcAttention(Recogniser):
    """An attention model whose encoder learns CTC too, which then has a say in every symbol.

    Args:
        encoder: features to steps.
        num_outputs: K symbols, blank and end (index 0) among them.
        decoder: sizes of steps and outputs to the part that attends and writes.
        ctc_weight: of CTC in the loss; the rest is the attention's.
        ctc_search_weight: of CTC's log-probabilities in the search.
        search: how to decode; None: greedily.

    Source:
        Kim et al. 2017, arXiv 1609.06773 (loss); Hori et al. 2017, "Joint CTC/attention decoding
        for end-to-end speech recognition" (one-pass search).
    """

    search: AttentionSearch

    def __init__(
        self,
        encoder: nn.Module,
        num_outputs: int,
        decoder: Callable[[int, int], Speller] = Speller,
        ctc_weight: Fraction = 0.3,
        ctc_search_weight: Fraction = 0.3,
        search: AttentionSearch | None = None,
    ) -> None:
        super().__init__()
        self.ctc_weight = ctc_weight
        self.ctc_search_weight = ctc_search_weight
        self.search = search or AttentionSearch()
        self.encoder = encoder
        step_dim = int(encoder.output_dim)  # type: ignore[arg-type]
        self.head = nn.Linear(step_dim, num_outputs)
        self.decoder = decoder(step_dim, num_outputs)

    def forward(self, x: Padded, symbols: Padded) -> tuple[Padded, Padded]:
        """Both criteria's scores of one look at the input.

        Args:
            x: ``(B, T, F)``.
            symbols: ``(B, U)``, without beginning and end.

        Returns:
            CTC's log-probabilities ``(B, T', K)`` and the attention's logits ``(B, U + 1, K)``.
        """
        steps: Padded = self.encoder(x)
        return self._score_steps(steps), self.decoder.forward(steps, symbols)

    def loss(self, x: Padded, targets: Padded) -> Tensor:
        """The weighted mean of CTC and cross-entropy, each per symbol of ``(B, U)`` targets."""
        steps: Padded = self.encoder(x)
        seen = repeat_views(targets, len(x.lengths))
        ctc = ctc_loss(self._score_steps(steps), seen)
        return self.ctc_weight * ctc + (1 - self.ctc_weight) * self.decoder.loss(steps, seen)

    def listen(self, x: Padded) -> Padded:
        """``(B, T, F)`` -> ``(B, T', M)``: the encoder's steps."""
        steps: Padded = self.encoder(x)
        return steps

    def find(self, heard: Padded) -> list[list[Hypothesis]]:
        """See `attention_beam`; a score is the weighted mean of both log-probabilities."""
        state = JointState(self.decoder.start(heard), begin_prefix(self._score_steps(heard)))
        longest = heard.lengths.to(heard.data.device)
        return attention_beam(self.step, state, longest, self.search)

    def locate(
        self, heard: Padded, found: Sequence[Sequence[Hypothesis]]
    ) -> list[tuple[Span, ...]]:
        """Where CTC hears the tokens.

        Where it was not trained, or finds no place for all of them, where the attention looks.
        """
        spans = attention_spans(self.decoder, heard, best_tokens(found))
        if not self.ctc_weight:
            return spans
        rows = zip(self._score_steps(heard).to("cpu").rows(), found, spans)
        return [ctc_spans(row, few[0].tokens) or seen for row, few, seen in rows]

    def step(self, symbols: Tensor, state: JointState) -> tuple[Tensor, Tensor, JointState]:
        """As `rnnmm.decode.attention.Step`: one symbol a row ``(M,)`` further."""
        scores, covered, spelling = self.decoder.step(symbols, state.spelling)
        weight = self.ctc_search_weight
        if not weight:  # 0 times -inf would be NaN
            return scores, covered, JointState(spelling, state.prefix)
        prefix = extend_prefixes(state.prefix, symbols)
        scores = (1 - weight) * scores + weight * score_prefixes(prefix)
        return scores, covered, JointState(spelling, prefix)

    def fault(self, num_frames: int, targets: Padded) -> str | None:
        """Too few steps for an alignment, where the loss has CTC in it."""
        if not self.ctc_weight:
            return None
        return alignment_fault(self.encoder, num_frames, targets)

    def _score_steps(self, steps: Padded) -> Padded:
        """CTC's log-probabilities ``(B, T', K)``."""
        return steps.with_data(self.head(steps.data).float().log_softmax(dim=-1))
