"""The recurrent transducer (RNN-T): symbols given the steps and what was written before."""

from collections.abc import Sequence

from torch import Tensor, nn

from rnnmm.batch import Padded
from rnnmm.decode.alignment import best_tokens, transducer_spans
from rnnmm.decode.hypothesis import Hypothesis, Span
from rnnmm.decode.transducer import TransducerSearch
from rnnmm.decode.transducer_greedy import Network
from rnnmm.domain import Probability, Size
from rnnmm.models.recogniser import Recogniser, repeat_views
from rnnmm.nn.lattice import transcript_score
from rnnmm.nn.transducer import Joint, Predictor


class Transducer(Recogniser):
    """An encoder, an LSTM over what was written, and a joint network that scores what follows.

    Args:
        encoder: features to steps.
        num_outputs: K symbols, the blank (index 0) among them.
        hidden_dim: D of the LSTM and of the symbols' vectors.
        num_layers: of the LSTM.
        joint_dim: size in which step and LSTM meet.
        dropout: in training, before, between and after the layers of the LSTM.
        search: how to decode; None: greedily.

    Source:
        Graves 2012, arXiv 1211.3711.
    """

    search: TransducerSearch

    def __init__(
        self,
        encoder: nn.Module,
        num_outputs: int,
        hidden_dim: Size = 128,
        num_layers: Size = 1,
        joint_dim: Size = 128,
        dropout: Probability = 0.0,
        search: TransducerSearch | None = None,
    ) -> None:
        super().__init__()
        self.search = search or TransducerSearch()
        self.encoder = encoder
        self.predictor = Predictor(num_outputs, hidden_dim, num_layers, dropout)
        step_dim = int(encoder.output_dim)  # type: ignore[arg-type]
        self.joint = Joint(step_dim, hidden_dim, joint_dim, num_outputs)

    def forward(self, x: Padded, symbols: Padded) -> Padded:
        """Scores transcripts.

        Args:
            x: ``(B, T, F)``.
            symbols: ``(B, U)``, without blanks.

        Returns:
            Log-probabilities ``(B, T', U + 1, 2)``, see `rnnmm.nn.lattice`.
        """
        return self._lattice(self.listen(x), symbols)

    def loss(self, x: Padded, targets: Padded) -> Tensor:
        """Minus the log-probability of ``(B, U)`` targets, per symbol."""
        seen = repeat_views(targets, len(x.lengths))
        steps = self.listen(x)
        score = transcript_score(self._lattice(steps, seen), seen.lengths)
        return -score.sum().float() / seen.lengths.sum().clamp(min=1)

    def listen(self, x: Padded) -> Padded:
        """``(B, T, F)`` -> ``(B, T', J)``: the steps as the joint network sees them."""
        steps: Padded = self.encoder(x)
        return steps.with_data(self.joint.steps(steps.data))

    def find(self, heard: Padded) -> list[list[Hypothesis]]:
        """See `TransducerSearch`."""
        state = self.predictor.initial_state(len(heard.lengths))
        return self.search(heard, Network(self._predict, self.joint, state))

    def locate(
        self, heard: Padded, found: Sequence[Sequence[Hypothesis]]
    ) -> list[tuple[Span, ...]]:
        """See `transducer_spans`."""
        best = best_tokens(found).to(heard.data.device)
        return transducer_spans(self._lattice(heard, best), best.lengths)

    def _lattice(self, steps: Padded, symbols: Padded) -> Padded:
        written = self.joint.written(self.predictor(symbols).data)
        return steps.with_data(self.joint.lattice(steps.data, written, symbols.zeroed().data))

    def _predict(self, symbols: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        written, state = self.predictor.step(symbols, state)
        return self.joint.written(written), state
