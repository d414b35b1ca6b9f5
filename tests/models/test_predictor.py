import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.models.predictor import Predictor


def wave(steps: int, phase: float) -> torch.Tensor:
    time = torch.arange(steps) * 0.7 + phase
    return torch.stack([time.sin(), time.cos(), (2 * time).sin()], dim=1)


def test_it_foretells_only_from_what_came_before() -> None:
    torch.manual_seed(0)
    model = Predictor(3, hidden_dim=8).eval()
    x = torch.randn(1, 12, 3)
    usual = model(Padded(x, torch.tensor([12]))).data
    for step in range(1, 12):
        other = x.clone()
        other[:, step:] += 1
        changed = model(Padded(other, torch.tensor([12]))).data
        torch.testing.assert_close(changed[:, : step + 1], usual[:, : step + 1])
    assert not usual[:, 0].any()


def test_errors_are_those_of_what_is_foretold_and_of_standing_still() -> None:
    torch.manual_seed(0)
    model = Predictor(3, hidden_dim=8).eval()
    x = Padded.stack([torch.randn(6, 3), torch.randn(1, 3)])
    told, frames, errors = model(x).data, model.represent(x).data, model.errors(x)
    assert errors.data.shape == (2, 6, 2) and errors.lengths.tolist() == [6, 1]
    for t in range(1, 6):
        expected = (told[0, t] - frames[0, t]).square().mean()
        still = (frames[0, t] - frames[0, t - 1]).square().mean()
        torch.testing.assert_close(errors.data[0, t], torch.stack([expected, still]))
    assert not errors.data[0, 0].any() and not errors.data[1].any()


def test_pictures_are_foretold_as_coarse_grids() -> None:
    model = Predictor(3, grid=2, hidden_dim=8).eval()
    clip = torch.randn(5, 3, 8, 8)
    cells = model.represent(Padded.stack([clip])).data[0]
    expected = clip.unflatten(2, (2, 4)).unflatten(4, (2, 4)).mean(dim=(3, 5)).flatten(1)
    torch.testing.assert_close(cells, expected / (1 + model.norm.eps) ** 0.5)


def test_what_it_has_learned_surprises_it_less_than_what_it_has_not() -> None:
    torch.manual_seed(0)
    model = Predictor(3, hidden_dim=32)
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(80):
        x = Padded.stack([wave(20, phase) for phase in (torch.rand(8) * 6).tolist()])
        optimiser.zero_grad()
        model.errors(x).data[..., 0].mean().backward()
        optimiser.step()
    model.eval()
    usual = wave(30, 1.0)
    odd = torch.cat([usual[:20], -usual[20:]])
    errors = model.errors(Padded.stack([usual, odd])).data
    assert errors[0, 3:, 0].mean() < 0.2 * errors[0, 3:, 1].mean()
    assert errors[1, 20, 0] > 10 * errors[1, 10:20, 0].max()
    assert errors[1, :20].equal(errors[0, :20]) or errors[1, :20] == pytest.approx(errors[0, :20])
