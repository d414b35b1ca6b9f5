import itertools
import math
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from rnnmm.batch import Padded
from rnnmm.decode.alignment import (
    attention_spans,
    best_tokens,
    ctc_spans,
    transducer_spans,
    with_spans,
)
from rnnmm.decode.hypothesis import Hypothesis, Span
from rnnmm.nn.speller import Speller


def fold(path: tuple[int, ...], blank: int) -> list[int]:
    return [s for i, s in enumerate(path) if s != blank and (i == 0 or s != path[i - 1])]


@pytest.mark.parametrize("blank", [0, 2])
def test_ctc_spans_are_those_of_the_best_of_all_alignments(blank: int) -> None:
    for seed in range(10):
        x = torch.randn(5, 3, generator=torch.Generator().manual_seed(seed)).log_softmax(-1)
        paths = list(itertools.product(range(3), repeat=5))
        for answer in ([1], [1, 1], [1 - blank // 2, 1]):
            best = max(
                (path for path in paths if fold(path, blank) == answer),
                key=lambda path: sum(float(x[t, s]) for t, s in enumerate(path)),
            )
            expected = []
            for symbol, run in itertools.groupby(range(5), best.__getitem__):
                steps = list(run)
                if symbol != blank:
                    sure = max(math.exp(x[t, symbol]) for t in steps)
                    expected.append((steps[0], steps[-1] + 1, pytest.approx(sure)))
            assert [tuple(span) for span in ctc_spans(x, answer, blank)] == expected


def test_what_does_not_fit_and_what_is_empty_has_no_spans() -> None:
    x = torch.zeros(3, 4).log_softmax(-1)
    assert ctc_spans(x, []) == ctc_spans(x, [1, 2, 3, 1]) == ctc_spans(x, [1, 1, 2]) == ()
    assert ctc_spans(x[:0], [1]) == ctc_spans(x[:0], []) == ()
    assert [span.start for span in ctc_spans(x, [1, 1])] == [0, 2]


def test_a_weak_early_spike_is_not_taken_for_the_token() -> None:
    probs = torch.full((6, 3), 0.005)
    probs[:, 0] = 0.99
    probs[1] = torch.tensor([0.8, 0.15, 0.05])
    probs[4] = torch.tensor([0.05, 0.9, 0.05])
    assert ctc_spans(probs.log(), [1]) == (Span(4, 5, pytest.approx(0.9)),)


def lattices(seed: int, sizes: list[tuple[int, int]]) -> tuple[Padded, Tensor]:
    """One of T steps and U symbols each, with noise in the padding."""
    generator = torch.Generator().manual_seed(seed)
    longest, most = (max(column) for column in zip(*sizes))
    data = torch.randn(len(sizes), longest, most + 1, 3, generator=generator).log_softmax(-1)
    lengths, num_symbols = (torch.tensor(column) for column in zip(*sizes))
    return Padded(data[..., :2], lengths), num_symbols


def test_transducer_spans_are_those_of_the_best_of_all_paths() -> None:
    sizes = [(4, 3), (2, 2), (3, 0), (1, 3)]
    for seed in range(10):
        lattice, num_symbols = lattices(seed, sizes)
        for row, spans, (num_steps, count) in zip(
            lattice.data, transducer_spans(lattice, num_symbols), sizes
        ):

            def score(steps: tuple[int, ...], row: Tensor = row, last: int = num_steps) -> float:
                total, u = 0.0, 0
                for t in range(last):
                    while u < len(steps) and steps[u] == t:
                        total, u = total + float(row[t, u, 1]), u + 1
                    total += float(row[t, u, 0])
                return total

            best = max(itertools.combinations_with_replacement(range(num_steps), count), key=score)
            assert tuple(span.start for span in spans) == best
            assert all(span.end == span.start + 1 for span in spans)
            for u, span in enumerate(spans):
                assert span.confidence == pytest.approx(math.exp(row[span.start, u, 1]))


def test_attention_spans_are_where_the_speller_looks_and_what_it_says() -> None:
    torch.manual_seed(0)
    speller = Speller(5, 4, hidden_dim=6, attention_dim=6).eval()
    steps = Padded.stack([3 * torch.randn(n, 5) for n in (7, 3)])
    symbols = Padded.stack([torch.tensor([1, 3, 2]), torch.tensor([2])])
    found = attention_spans(speller, steps, symbols)
    assert [len(spans) for spans in found] == [3, 1]
    scores = speller.forward(steps, symbols).data.detach().log_softmax(-1)
    for row, (spans, own) in enumerate(zip(found, symbols.rows())):
        for u, (span, symbol) in enumerate(zip(spans, own)):
            assert span.confidence == pytest.approx(math.exp(scores[row, u, symbol]), abs=1e-6)


class Look(NamedTuple):
    """The state of a writer whose looks are laid down."""

    weights: Tensor
    count: int


class Fixed:
    """Looks at the given step of five at each symbol; to it all symbols are equally likely."""

    def __init__(self, looks: list[int]) -> None:
        self.looks = looks

    def start(self, steps: Padded) -> Look:
        return Look(torch.zeros(len(steps.lengths), 5), 0)

    def step(self, symbols: Tensor, state: Look) -> tuple[Tensor, Tensor, Look]:
        weights = torch.nn.functional.one_hot(torch.tensor([self.looks[state.count]]), 5).float()
        return torch.full((1, 4), 0.25).log(), symbols, Look(weights, state.count + 1)


def test_attention_never_goes_back() -> None:
    steps, symbols = Padded.stack([torch.zeros(5, 2)]), Padded.stack([torch.tensor([1, 2, 3, 1])])
    (spans,) = attention_spans(Fixed([1, 4, 2, 4]), steps, symbols)  # type: ignore[arg-type]
    assert [(span.start, span.end) for span in spans] == [(1, 2), (4, 5), (4, 5), (4, 5)]
    assert [span.confidence for span in spans] == pytest.approx([0.25] * 4)


def test_spans_go_to_the_best_hypothesis_of_each_row() -> None:
    found = [[Hypothesis((2, 3), -1.0), Hypothesis((2,), -2.0)], [Hypothesis((), 0.0)]]
    tokens = best_tokens(found)
    assert (tokens.data.tolist(), tokens.lengths.tolist()) == ([[2, 3], [0, 0]], [2, 0])
    spans = (Span(0, 1, 0.5), Span(3, 5, 1.0))
    (best, other), (empty,) = with_spans(found, [spans, ()])
    assert (best.spans, other.spans, empty.spans) == (spans, (), ())
    assert best._replace(spans=()) == found[0][0]
