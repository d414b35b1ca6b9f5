import pytest
import torch
from torch import Tensor

from rnnmm.batch import Padded
from rnnmm.models.adaptive_captioner import AdaptiveCaptioner
from rnnmm.models.captioner import AttentionCaptioner, Captioner
from rnnmm.models.mean_captioner import MeanCaptioner
from rnnmm.models.s2vt import S2vtCaptioner
from rnnmm.models.top_down_captioner import TopDownCaptioner
from rnnmm.nn.recurrent import Recurrent

MODELS = (AttentionCaptioner, AdaptiveCaptioner, MeanCaptioner, S2vtCaptioner, TopDownCaptioner)


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> Captioner:
    torch.manual_seed(0)
    made: Captioner = request.param(Recurrent(4, 4), 6, 5, 8)
    return made.eval()


def frames() -> Padded:
    return Padded.stack([torch.randn(steps, 4) for steps in (5, 1, 3)])


def tokens() -> Padded:
    return Padded(torch.tensor([[0, 3, 4], [0, 2, 2], [0, 5, 3]]), torch.full((3,), 3))


@torch.no_grad()
def test_words_one_by_one_score_as_all_at_once(model: Captioner) -> None:
    x = frames()
    state, scores, weights = model.start(x), [], []
    for column in tokens().data.unbind(dim=1):
        logits, state = model.step(column, state)
        scores.append(logits)
        weights.append(state.weights)
    written = model.write(model.start(x), tokens())
    torch.testing.assert_close(written.logits.data, torch.stack(scores, dim=1))
    torch.testing.assert_close(written.weights.data, torch.stack(weights, dim=1))


@torch.no_grad()
def test_rows_of_a_state_are_rows_of_the_batch(model: Captioner) -> None:
    x, chosen = frames(), torch.tensor([2, 0, 2])
    state = model.start(x).select(chosen)
    picked = tokens().with_data(tokens().data[chosen])
    expected = model.write(model.start(x), tokens()).logits.data[chosen]
    torch.testing.assert_close(model.write(state, picked).logits.data, expected)


@torch.no_grad()
def test_who_looks_looks_at_valid_steps_alone(model: Captioner) -> None:
    x = frames()
    state = model.start(x)
    assert not state.weights.any()
    weights = model.write(state, tokens()).weights.data  # (B, U, S)
    assert not weights.masked_select(~state.memory.mask[:, None]).any()
    totals = weights.sum(dim=2)
    if isinstance(model, MeanCaptioner | S2vtCaptioner):
        assert not totals.any()
    elif isinstance(model, AdaptiveCaptioner):
        assert ((totals > 0.05) & (totals < 0.95)).all()  # the rest is the sentinel's
    else:
        torch.testing.assert_close(totals, torch.ones(3, 3))


@torch.no_grad()
def test_its_own_words_are_read_as_often_as_asked(model: Captioner) -> None:
    torch.manual_seed(0)
    x = frames()
    read: list[Tensor] = []
    usual = model.read
    model.read = lambda words, state: read.append(words) or usual(words, state)  # type: ignore
    sure = model.head[-1].bias
    sure.fill_(-50.0)
    sure[1] = 50.0  # so that the word drawn is known
    model.write(model.start(x), tokens(), own=1.0)
    assert [words.tolist() for words in read] == [[0, 0, 0], [1, 1, 1], [1, 1, 1]]
    read.clear()
    many = Padded(torch.zeros(3, 400, dtype=torch.int64), torch.full((3,), 400))
    model.write(model.start(x), many, own=0.25)
    assert float(torch.stack(read).float().mean()) == pytest.approx(0.25, abs=0.04)


@torch.no_grad()
def test_naming_words_and_starting_rest_on_the_whole_input(model: Captioner) -> None:
    memory = model.start(frames()).memory
    assert model.name(memory).shape == (3, 6)
    assert bool((model.name(memory) < 0).all())  # nothing is suggested before it is learned


@torch.no_grad()
def test_two_lstms_read_every_frame_before_they_write() -> None:
    torch.manual_seed(0)
    model = S2vtCaptioner(Recurrent(4, 4), 6, 5, 8).eval()
    x = frames()
    state = model.start(x)
    rows = model.encoder(x).rows()
    for row, steps in enumerate(rows):
        one = model.clues(state.memory.select(torch.tensor([row])))
        upper = model.first(one).tanh().chunk(2, dim=1)
        lower = (torch.zeros(1, 8), torch.zeros(1, 8))
        for frame in steps:
            lower = model.lower(frame[None], lower)
            upper = model.upper(torch.cat([lower[0], torch.zeros(1, 5)], dim=1), upper)
        for part, expected in zip(state.recurrent, (*lower, *upper)):
            torch.testing.assert_close(part[row : row + 1], expected)
