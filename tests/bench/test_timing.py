import torch

from rnnmm.bench.timing import interleaved, threads


def test_contestants_take_turns() -> None:
    calls: list[str] = []
    medians = interleaved([lambda: calls.append("a"), lambda: calls.append("b")], 3, warm_up=1)
    assert "".join(calls) == "abababab"
    assert len(medians) == 2
    assert all(seconds >= 0 for seconds in medians)


def test_threads_are_given_back() -> None:
    before = torch.get_num_threads()
    with threads(1):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
