import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.models.encoder import Rnn
from rnnmm.models.summariser import DppSummariser, ImportanceSummariser
from rnnmm.nn.dpp import dpp_kernel, dpp_log_probability, dpp_marginals


def targets() -> Padded:
    rows = [torch.rand(steps, 2) for steps in (5, 3)]
    for row in rows:
        row[:, 1] = (row[:, 1] > 0.5).float()
    return Padded.stack(rows)


def test_importance_is_learned_by_its_square_error() -> None:
    model = ImportanceSummariser(Rnn(4, 8, 8))
    scores = Padded(torch.randn(2, 5, 1), torch.tensor([5, 3]))
    wanted = targets()
    told = model.importance(scores).rows()
    errors = [(one - row[:, 0]).square() for one, row in zip(told, wanted.rows())]
    torch.testing.assert_close(model.loss(scores, wanted), torch.cat(errors).mean())
    assert all(0 < value < 1 for row in told for value in row.tolist())


def test_key_frames_are_learned_by_their_log_probability() -> None:
    model = DppSummariser(Rnn(4, 8, 8), kind_dim=3)
    scores = Padded(torch.randn(2, 5, 4), torch.tensor([5, 3]))
    wanted, expected = targets(), 0.0
    for row, target, told in zip(scores.rows(), wanted.rows(), model.importance(scores).rows()):
        kernel = dpp_kernel(row[:, 0], row[:, 1:])
        expected -= float(dpp_log_probability(kernel, target[:, 1] > 0)) / 8
        torch.testing.assert_close(told, dpp_marginals(kernel))
    assert float(model.loss(scores, wanted)) == pytest.approx(expected)


@pytest.mark.parametrize("make", [ImportanceSummariser, DppSummariser])
def test_what_is_worth_seeing_is_learned(make: type) -> None:
    """Frames of one kind are important, and one of each run of them is a key frame."""
    torch.manual_seed(0)
    model = make(Rnn(4, 16, 16, bidirectional=True))
    x = torch.randn(3, 20, 4) * 0.1
    wanted = torch.zeros(3, 20, 2)
    for row, start in enumerate((2, 7, 12)):
        x[row, start : start + 5, 0] += 2
        wanted[row, start : start + 5, 0] = 1
        wanted[row, start + 2, 1] = 1
    lengths = torch.full((3,), 20)
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(60):
        optimiser.zero_grad()
        model.loss(model(Padded(x, lengths)), Padded(wanted, lengths)).backward()
        optimiser.step()
    told = model.eval().importance(model(Padded(x, lengths))).data
    is_key = wanted[..., 0] > 0 if make is ImportanceSummariser else wanted[..., 1] > 0
    assert told[is_key].min() > 2 * told[~is_key].mean()
