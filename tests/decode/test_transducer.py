import itertools

import pytest
import torch
from torch import Tensor

from rnnmm.batch import Padded
from rnnmm.decode.transducer import (
    Network,
    TransducerSearch,
    greedy_transducer,
    transducer_beam,
)
from rnnmm.nn.lattice import transcript_score

SIZE = 6


def network(num_rows: int, num_outputs: int, blank: float = 0.0, seed: int = 0) -> Network:
    """Scores that depend on the step and on all that was written; ``blank`` favours going on."""
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(SIZE, SIZE, generator=generator)
    read = torch.randn(num_outputs, SIZE, generator=generator)
    write = 2 * torch.randn(SIZE, num_outputs, generator=generator)
    bias = torch.zeros(num_outputs)
    bias[0] = blank

    def predict(symbols: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        state = torch.tanh(state @ mix + read[symbols])
        return state, state

    def join(steps: Tensor, written: Tensor) -> Tensor:
        return (torch.tanh(steps + written) @ write + bias).log_softmax(dim=-1)

    return Network(predict, join, torch.zeros(num_rows, SIZE))


def sound(*lengths: int) -> Padded:
    torch.manual_seed(3)
    return Padded.stack([torch.randn(length, SIZE) for length in lengths])


def exact(row: Tensor, symbols: tuple[int, ...], heard: Network) -> float:
    """The log-probability of one answer, over all its alignments."""
    state, written = heard.state[:1], []
    for symbol in (0, *symbols):
        vector, state = heard.predict(torch.tensor([symbol]), state)
        written.append(vector[0])
    log_probs = heard.join(row[:, None], torch.stack(written)[None])  # (T, U + 1, K)
    index = torch.tensor([*symbols, 0])[None, :, None].expand(len(row), -1, 1)
    data = torch.stack([log_probs[..., 0], log_probs.gather(2, index)[..., 0]], dim=2)
    lattice = Padded(data[None], torch.tensor([len(row)]))
    return float(transcript_score(lattice, torch.tensor([len(symbols)])))


def step_by_step(row: Tensor, heard: Network, max_symbols: int) -> tuple[tuple[int, ...], float]:
    """Greed, one row and one symbol at a time."""
    total, answer = 0.0, []
    written, state = heard.predict(torch.tensor([0]), heard.state[:1])
    for step in row:
        for count in range(max_symbols + 1):
            log_probs = heard.join(step, written[0])
            best = int(log_probs.argmax()) if count < max_symbols else 0
            total += float(log_probs[best])
            if not best:
                break
            answer.append(best)
            written, state = heard.predict(torch.tensor([best]), state)
    return tuple(answer), total


@pytest.mark.parametrize("blank", [0.0, 2.0])
@pytest.mark.parametrize("max_symbols", [1, 3])
def test_greed_takes_the_best_of_each_step(blank: float, max_symbols: int) -> None:
    steps, heard = sound(12, 1, 7, 20), network(4, 5, blank)
    expected = [step_by_step(row, heard, max_symbols) for row in steps.rows()]
    for window in (1, 3, 50):
        found = greedy_transducer(steps, heard, max_symbols, window)
        assert [one.tokens for one in found] == [symbols for symbols, _ in expected]
        assert [one.score for one in found] == pytest.approx(
            [total for _, total in expected], abs=1e-4
        )


def test_greed_writes_no_more_than_it_may_at_a_step() -> None:
    steps, heard = sound(6, 2), network(2, 5, blank=-50.0)  # it would write for ever
    counts = [len(one.tokens) for one in greedy_transducer(steps, heard, max_symbols=3)]
    assert counts == [18, 6]


def test_a_beam_of_full_width_is_exhaustive_search() -> None:
    steps, heard, max_symbols = sound(3, 1, 2), network(3, 3), 2
    found = transducer_beam(steps, heard, 200, max_symbols)
    for row, hypotheses in zip(steps.rows(), found):
        answers = {
            symbols: exact(row, symbols, heard)
            for count in range(max_symbols * len(row) + 1)
            for symbols in itertools.product((1, 2), repeat=count)
        }
        assert [one.tokens for one in hypotheses] == sorted(answers, key=lambda y: -answers[y])
        for one in hypotheses:
            assert one.score == pytest.approx(answers[one.tokens], abs=1e-5)


def test_what_a_beam_lost_of_an_answer_only_lowers_its_score() -> None:
    steps, heard = sound(8, 5, 11), network(3, 5, blank=1.0)
    for row, hypotheses in zip(steps.rows(), transducer_beam(steps, heard, 6)):
        assert len(hypotheses) == 6
        assert len({one.tokens for one in hypotheses}) == 6
        scores = [one.score for one in hypotheses]
        assert scores == sorted(scores, reverse=True)
        for one in hypotheses:
            assert one.score <= exact(row, one.tokens, heard) + 1e-5


def test_no_beam_is_worse_than_greed() -> None:
    steps = sound(*range(1, 16))
    for blank in (1.0, 3.0):
        heard = network(15, 6, blank)
        greedy = TransducerSearch()(steps, heard)
        assert all(len(row) == 1 for row in greedy)
        gain = 0
        for size in (2, 8):
            for (one,), (best, *rest) in zip(greedy, TransducerSearch(size)(steps, heard)):
                assert best.score >= one.score
                assert len(rest) < size and all(best.score >= other.score for other in rest)
                gain += best.tokens != one.tokens
        assert gain > 0  # or nothing is shown


def test_rows_of_a_beam_do_not_see_each_other() -> None:
    steps, heard = sound(9, 1, 5), network(3, 5, blank=1.0)
    search = TransducerSearch(4)
    steps.data[~steps.mask] = torch.nan
    together = search(steps, heard)
    for row, expected in zip(steps.rows(), together):
        (alone,) = search(Padded.stack([row]), heard._replace(state=heard.state[:1]))
        assert [one.tokens for one in alone] == [one.tokens for one in expected]
        assert [one.score for one in alone] == pytest.approx([one.score for one in expected])


@pytest.mark.parametrize("sizes", [{"size": 0}, {"max_symbols": 0}])
def test_an_impossible_search_is_refused(sizes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="expected size and max_symbols >= 1, got"):
        TransducerSearch(**sizes)
