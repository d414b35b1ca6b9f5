import pytest
import torch
from torch import Tensor

from rnnmm.decode.transducer_greedy import Network, greedy_transducer


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
def test_greed_takes_the_best_of_each_step(network, sound, blank: float, max_symbols: int) -> None:
    steps, heard = sound(12, 1, 7, 20), network(4, 5, blank)
    expected = [step_by_step(row, heard, max_symbols) for row in steps.rows()]
    for window in (1, 3, 50):
        found = greedy_transducer(steps, heard, max_symbols, window)
        assert [one.tokens for one in found] == [symbols for symbols, _ in expected]
        assert [one.score for one in found] == pytest.approx(
            [total for _, total in expected], abs=1e-4
        )


def test_greed_writes_no_more_than_it_may_at_a_step(network, sound) -> None:
    steps, heard = sound(6, 2), network(2, 5, blank=-50.0)  # it would write for ever
    counts = [len(one.tokens) for one in greedy_transducer(steps, heard, max_symbols=3)]
    assert counts == [18, 6]
