import pytest
import torch
from torch import Tensor, nn

from rnnmm.decode.fusion import (
    Weighted,
    advance_fusion,
    begin_fusion,
    end_fusion,
    score_sequences,
)
from rnnmm.decode.scorer import Scorer, State


class Recurrent:
    """A neural language model: the shape that a scorer with a big state takes."""

    def __init__(self, num_outputs: int, hidden_dim: int = 5) -> None:
        torch.manual_seed(0)
        self.cell = nn.LSTMCell(num_outputs, hidden_dim)
        self.head = nn.Linear(hidden_dim, num_outputs)
        self.num_outputs, self.asked = num_outputs, 0

    def initial_state(self, batch_size: int) -> State:
        zeros = torch.zeros(batch_size, self.cell.hidden_size)
        return self.cell(torch.zeros(batch_size, self.num_outputs), (zeros, zeros))

    def scores(self, state: State) -> Tensor:
        self.asked += len(state[0])
        return self.head(state[0]).log_softmax(-1)

    def advance(self, state: State, tokens: Tensor) -> State:
        one_hot = nn.functional.one_hot(tokens, self.num_outputs).float()
        return self.cell(one_hot, state)

    def final_scores(self, state: State) -> Tensor:
        return self.scores(state)[:, 0]

    def total(self, tokens: list[int]) -> tuple[float, float]:
        """Of some tokens, and of the end behind them."""
        state, total = self.initial_state(1), 0.0
        for token in tokens:
            total += float(self.scores(state)[0, token])
            state = self.advance(state, torch.tensor([token]))
        return total, float(self.final_scores(state)[0])


@torch.no_grad()
def test_every_hypothesis_scores_what_its_tokens_do_wherever_it_moves() -> None:
    lm: Scorer = Recurrent(4)
    scorers = (Weighted(lm, 0.5), Weighted(Recurrent(4, hidden_dim=3), 2.0))
    generator = torch.Generator().manual_seed(1)
    fusion = begin_fusion(scorers, torch.zeros(3, 4, dtype=torch.float64))
    written: list[list[list[int]]] = [[[]] for _ in range(3)]
    for width in (4, 4, 2, 5, 5):
        source = torch.randint(len(written[0]), (3, width), generator=generator)
        token = torch.randint(-1, 4, (3, width), generator=generator)
        fusion = advance_fusion(fusion, scorers, source, token)
        written = [
            [row[s] + [t] * (t >= 0) for s, t in zip(sources, tokens)]
            for row, sources, tokens in zip(written, source.tolist(), token.tolist())
        ]
    ends = end_fusion(fusion, scorers)
    for row, texts in enumerate(written):
        for place, text in enumerate(texts):
            parts = [(one.weight, one.scorer.total(text)) for one in scorers]
            total, end = (sum(w * part[n] for w, part in parts) for n in (0, 1))
            assert float(fusion.total[row, place]) == pytest.approx(total, abs=1e-5)
            assert float(ends[row, place]) == pytest.approx(end, abs=1e-5)


@torch.no_grad()
def test_whole_answers_score_what_their_tokens_and_ends_do() -> None:
    like = torch.zeros(4, 4, dtype=torch.float64)
    answers = [(1, 2, 3), (), (3, 3), (2,)]
    scorers = (Weighted(Recurrent(4), 0.5), Weighted(Recurrent(4, hidden_dim=3), 2.0))
    expected = [
        sum(one.weight * sum(one.scorer.total(list(tokens))) for one in scorers)
        for tokens in answers
    ]
    assert score_sequences(scorers, answers, like).tolist() == pytest.approx(expected, abs=1e-5)
    assert score_sequences((), answers, like).tolist() == [0.0] * 4


def test_many_hypotheses_begin_alike() -> None:
    scorers = (Weighted(Recurrent(4)),)
    fusion = begin_fusion(scorers, torch.zeros(2, 4, dtype=torch.float64), width=3)
    assert fusion.total.shape == (2, 3) and len(fusion.states[0][0]) == 6
    (one,) = begin_fusion(scorers, torch.zeros(1, 4, dtype=torch.float64)).following.unbind()
    assert torch.allclose(fusion.following, one.expand(2, 3, 4))


def test_scorers_are_asked_of_what_has_grown_alone() -> None:
    lm = Recurrent(4)
    scorers = (Weighted(lm),)
    fusion = begin_fusion(scorers, torch.zeros(2, 4, dtype=torch.float64))
    lm.asked = 0
    source = torch.zeros(2, 3, dtype=torch.int64)
    fusion = advance_fusion(fusion, scorers, source, torch.tensor([[-1, 2, 3], [-1, -1, -1]]))
    assert lm.asked == 2
    advance_fusion(fusion, scorers, source, torch.full((2, 3), -1))
    assert lm.asked == 2


def test_no_weight_allows_what_is_forbidden() -> None:
    class Never(Recurrent):
        def scores(self, state: State) -> Tensor:
            return torch.full((len(state[0]), 4), -torch.inf)

    for weight in (0.0, -1.0):
        scorers = (Weighted(Never(4), weight),)
        fusion = begin_fusion(scorers, torch.zeros(1, 4, dtype=torch.float64))
        assert bool((fusion.following == -torch.inf).all())
        assert end_fusion(fusion, scorers).tolist() == [[-torch.inf]]


def test_without_scorers_nothing_is_added() -> None:
    fusion = begin_fusion((), torch.zeros(2, 4, dtype=torch.float64))
    fusion = advance_fusion(
        fusion, (), torch.zeros(2, 3, dtype=torch.int64), torch.ones(2, 3).long()
    )
    assert fusion.total.tolist() == end_fusion(fusion, ()).tolist() == [[0.0] * 3] * 2
    assert fusion.following.shape == (2, 3, 4)
