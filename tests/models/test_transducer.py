import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.decode.transducer import TransducerSearch
from rnnmm.models.transducer import Transducer
from rnnmm.nn.lattice import transcript_score
from rnnmm.nn.recurrent import Recurrent


def small(size: int = 1) -> Transducer:
    torch.manual_seed(0)
    return Transducer(
        Recurrent(8, 32, bidirectional=True), 6, 32, 1, 32, 0, TransducerSearch(size)
    )


@pytest.mark.slow
def test_it_learns_to_spell(learn) -> None:
    model = small()
    assert learn(model, 90) < 0.1
    greedy, model.search = model.search, TransducerSearch(4)
    assert greedy.size == 1 and learn(model, 0) < 0.1


def test_the_loss_is_per_symbol_and_the_mean_of_the_views(spelled) -> None:
    model, (x, targets) = small(), spelled
    score = transcript_score(model(x, targets), targets.lengths)
    expected = -score.sum().item() / int(targets.lengths.sum())
    assert model.loss(x, targets).item() == pytest.approx(expected, rel=1e-5)
    views = Padded(x.data.repeat(2, 1, 1), x.lengths.repeat(2))
    assert model.loss(views, targets).item() == pytest.approx(expected, rel=1e-5)


def test_what_stands_behind_a_target_changes_nothing(spelled) -> None:
    model, (x, targets) = small(), spelled
    other = Padded(targets.data.masked_fill(~targets.mask, -1), targets.lengths)
    assert model.loss(x, other).item() == model.loss(x, targets).item()


@torch.no_grad()
@pytest.mark.parametrize("size", [1, 3])
def test_a_score_is_that_of_the_answer(size: int, spelled) -> None:
    model, (x, _) = small(size).eval(), spelled
    for row, hypotheses in enumerate(model.decode(x)):
        alone = Padded.stack([x.rows()[row]])
        for one in hypotheses:
            symbols = torch.tensor([one.tokens], dtype=torch.int64).reshape(1, -1)
            lengths = torch.tensor([len(one.tokens)])
            whole = transcript_score(model(alone, Padded(symbols, lengths)), lengths)
            assert one.score <= float(whole) + 1e-4


def test_any_number_of_frames_will_do(spelled) -> None:
    _, targets = spelled
    assert small().fault(1, Padded.stack(targets.rows()[:1])) is None
