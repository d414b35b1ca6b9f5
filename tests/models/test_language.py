import math

import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.models.language import LanguageModel, begun, ended


@pytest.fixture(params=["lstm", "gru"])
def model(request: pytest.FixtureRequest) -> LanguageModel:
    torch.manual_seed(0)
    return LanguageModel(4, 5, 6, 2, request.param, dropout=0.5).eval()


def test_an_end_stands_before_and_behind() -> None:
    targets = Padded(torch.tensor([[1, 2, 3], [2, 9, 9]]), torch.tensor([3, 1]))
    assert begun(targets).data.tolist() == [[0, 1, 2, 3], [0, 2, 0, 0]]
    assert ended(targets).data.tolist() == [[1, 2, 3, 0], [2, 0, 0, 0]]
    assert begun(targets).lengths.tolist() == ended(targets).lengths.tolist() == [4, 2]


@torch.no_grad()
def test_all_texts_together_are_certain(model: LanguageModel) -> None:
    # Those of at most 3 symbols, and what is left for longer ones.
    texts = [()] + [(a,) for a in (1, 2, 3)] + [(a, b) for a in (1, 2, 3) for b in (1, 2, 3)]
    total = float(
        model.log_probs(Padded.stack([torch.tensor(t).long() for t in texts])).exp().sum()
    )
    state = model.initial_state(9)
    heads = torch.tensor(texts[4:])
    going_on = torch.zeros(9)
    for column in heads.t():
        going_on += model.scores(state).gather(1, column[:, None])[:, 0]
        state = model.advance(state, column)
    going_on += torch.log1p(-model.final_scores(state).exp())
    assert total + float(going_on.exp().sum()) == pytest.approx(1.0, abs=1e-5)


@torch.no_grad()
def test_step_by_step_equals_whole_texts(model: LanguageModel) -> None:
    texts = [torch.tensor([1, 3, 2, 1]), torch.tensor([2]), torch.tensor([3, 3, 1])]
    expected = model.log_probs(Padded.stack(texts))
    for text, score in zip(texts, expected.tolist(), strict=True):
        state, total = model.initial_state(1), 0.0
        for symbol in text:
            total += float(model.scores(state)[0, symbol])
            state = model.advance(state, symbol[None])
        assert total + float(model.final_scores(state)) == pytest.approx(score, abs=1e-5)


def test_the_loss_is_the_mean_over_symbols_and_ends(model: LanguageModel) -> None:
    targets = Padded.stack([torch.tensor([1, 3, 2]), torch.tensor([2])])
    with torch.no_grad():
        expected = -float(model.log_probs(targets).sum()) / 6
        assert float(model.loss(targets)) == pytest.approx(expected, rel=1e-6)


def test_a_pattern_is_learned() -> None:
    torch.manual_seed(0)
    model = LanguageModel(4, 8, 16, dropout=0.0)
    targets = Padded.stack([torch.tensor([1, 2, 3] * n) for n in (1, 2, 3)])
    optimiser = torch.optim.Adam(model.parameters(), 0.02)
    for _ in range(80):
        optimiser.zero_grad()
        loss = model.loss(targets)
        loss.backward()
        optimiser.step()
    # Three texts, and nothing but their end to guess: ln 3 each, over 9 + 6 + 3 symbols and ends.
    assert loss.item() == pytest.approx(3 * math.log(3) / 21, abs=0.03)
