"""Where in the input the tokens of a known answer stand, and how sure the model is of each."""

import itertools
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor
from torchaudio.functional import forced_align

from rnnmm.batch import Padded
from rnnmm.decode.hypothesis import Hypothesis, Span
from rnnmm.nn.speller import Spelling


class Writer(Protocol):
    """What writes symbols one after another, as `rnnmm.nn.speller.Speller` does."""

    def start(self, steps: Padded) -> Spelling:
        """Before the first symbol, of ``(B, S, M)`` steps."""
        ...

    def step(self, symbols: Tensor, state: Spelling) -> tuple[Tensor, Tensor, Spelling]:
        """As `rnnmm.decode.attention.Step`."""
        ...


def best_tokens(found: Sequence[Sequence[Hypothesis]]) -> Padded:
    """``(B, U)``: the tokens of each row's best hypothesis, 0 as padding."""
    return Padded.stack([torch.tensor(few[0].tokens, dtype=torch.int64) for few in found])


def with_spans(
    found: Sequence[Sequence[Hypothesis]], spans: Sequence[tuple[Span, ...]]
) -> list[list[Hypothesis]]:
    """The same hypotheses, the best of each row with its spans."""
    return [[few[0]._replace(spans=own), *few[1:]] for few, own in zip(found, spans)]


def ctc_spans(log_probs: Tensor, tokens: Sequence[int], blank: int = 0) -> tuple[Span, ...]:
    """The steps that spell each token in the best CTC alignment of an answer.

    The confidence is the highest probability that a token has at one of its steps: that is where
    CTC spikes, while the steps beside it waver between it and its neighbours.

    Args:
        log_probs: ``(T, K)``, without padding.
        tokens: ``(U,)``, no blanks.
        blank: index of the blank.

    Returns:
        U spans, none overlapping; none at all where T steps do not suffice for the tokens, a
        blank between equal neighbours included.
    """
    repeats = sum(one == other for one, other in itertools.pairwise(tokens))
    if not tokens or len(log_probs) < len(tokens) + repeats:
        return ()
    path, scores = forced_align(
        log_probs.detach().float().cpu()[None], torch.tensor([list(tokens)]), blank=blank
    )
    spans: list[Span] = []
    before = blank
    for step, (symbol, score) in enumerate(zip(path[0].tolist(), scores[0].exp().tolist())):
        if symbol not in (blank, before):
            spans.append(Span(step, step + 1, score))
        elif symbol != blank:
            spans[-1] = Span(spans[-1].start, step + 1, max(score, spans[-1].confidence))
        before = symbol
    return tuple(spans)


def transducer_spans(lattice: Padded, num_symbols: Tensor) -> list[tuple[Span, ...]]:
    """The one step at which the best path through each lattice writes each symbol.

    The confidence is the probability of the symbol where it is written.

    Args:
        lattice: ``(B, T, U + 1, 2)`` log-probabilities, see `rnnmm.nn.lattice`.
        num_symbols: ``(B,)`` int64 on the CPU, U of each row, >= 0.
    """
    blank, symbol = lattice.data.detach().double().cpu().unbind(dim=3)  # (B, T, U + 1) each
    written = symbol.cumsum(dim=2) - symbol  # of the first u symbols, all at this step
    total, entries = written[:, 0], [torch.zeros_like(written[:, 0], dtype=torch.int64)]
    for step in range(1, blank.shape[1]):
        # Who stands at u came to this step at some u' <= u, and wrote the rest here.
        came = total + blank[:, step - 1] - written[:, step]
        best, entry = came.cummax(dim=1)
        total = best + written[:, step]
        entries.append(entry)
    came_with = torch.stack(entries, dim=1).tolist()  # (B, T, U + 1)
    confidences = symbol.exp().tolist()
    return [
        _walked_back(*row)
        for row in zip(came_with, confidences, lattice.lengths.tolist(), num_symbols.tolist())
    ]


def attention_spans(writer: Writer, steps: Padded, symbols: Padded) -> list[tuple[Span, ...]]:
    """The one step that a writer looks at most when it writes each symbol of a known answer.

    A look back at an earlier step counts for the latest one looked at until then. The confidence
    is the probability of the symbol, given those before it.

    Args:
        writer: what attends and writes.
        steps: ``(B, S, M)`` of the encoder.
        symbols: ``(B, U)``, without beginning and end.
    """
    given = symbols.zeroed().data.to(steps.data.device)
    state, read = writer.start(steps), given.new_zeros(len(given))
    peaks, confidences = [read], [read.float()]  # of the beginning, which nobody asks for
    for column in given.unbind(dim=1):
        log_probs, _, state = writer.step(read, state)
        confidences.append(log_probs.gather(1, column[:, None])[:, 0].exp())
        peaks.append(state.weights.argmax(dim=1))
        read = column
    latest = torch.stack(peaks, dim=1).cummax(dim=1).values.tolist()  # (B, 1 + U)
    sure = torch.stack(confidences, dim=1).tolist()
    return [
        tuple(Span(step, step + 1, one) for step, one in zip(row[1 : 1 + n], some[1:]))
        for row, some, n in zip(latest, sure, symbols.lengths.tolist())
    ]


def _walked_back(
    came_with: list[list[int]], confidences: list[list[float]], num_steps: int, count: int
) -> tuple[Span, ...]:
    """From the last step with all symbols to the first: each step wrote what it had not before."""
    spans: list[Span] = []
    for step in reversed(range(num_steps)):
        before = came_with[step][count]
        own = confidences[step]
        spans += [Span(step, step + 1, own[u]) for u in reversed(range(before, count))]
        count = before
    return tuple(reversed(spans))
