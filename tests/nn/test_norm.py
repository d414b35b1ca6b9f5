import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.nn.norm import MapNorm, RowNorm, StepNorm, scatter_steps


def batch(*lengths: int, trailing: tuple[int, ...] = (3,)) -> Padded:
    torch.manual_seed(0)
    x = Padded.stack([torch.randn(length, *trailing) for length in lengths])
    x.data[~x.mask] = 1e6  # what stands there must not count
    return x


@pytest.mark.parametrize("trailing", [(3,), (3, 4)])
def test_statistics_are_those_of_the_valid_steps(trailing: tuple[int, ...]) -> None:
    x = batch(5, 1, 3, trailing=trailing)
    norm = StepNorm(3)
    y = norm(x)
    valid = torch.cat(x.rows())  # (9, 3, ...)
    axes = (0, 2) if len(trailing) == 2 else (0,)
    shape = (1, 3, 1) if len(trailing) == 2 else (1, 3)
    mean = valid.mean(axes).reshape(shape)
    deviation = (valid.var(axes, unbiased=False).reshape(shape) + norm.norm.eps).sqrt()
    torch.testing.assert_close(torch.cat(y.rows()), (valid - mean) / deviation)
    assert not y.data[~y.mask].any()
    torch.testing.assert_close(norm.norm.running_mean, 0.1 * valid.mean(axes))


def test_in_evaluation_no_row_depends_on_its_neighbours() -> None:
    norm = StepNorm(3)
    norm(batch(5, 1, 3))
    norm.eval()
    together = norm(batch(5, 1, 3)).rows()
    for row, expected in zip(batch(5, 1, 3).rows(), together):
        torch.testing.assert_close(norm(Padded.stack([row])).rows()[0], expected)


def test_a_single_row_is_normed_as_in_evaluation() -> None:
    norm, row = RowNorm(3), torch.randn(1, 3)
    before = norm.running_mean.clone()
    y = norm.train()(row)
    torch.testing.assert_close(y, norm.eval()(row))
    assert torch.equal(norm.running_mean, before)


def test_steps_are_put_back_where_they_were() -> None:
    x = batch(2, 3)
    grid = scatter_steps(torch.arange(10.0).reshape(5, 2), x)
    assert grid.lengths.tolist() == [2, 3]
    assert grid.data.tolist() == [[[0, 1], [2, 3], [0, 0]], [[4, 5], [6, 7], [8, 9]]]


def test_a_single_cell_is_normed_as_in_evaluation() -> None:
    norm, maps = MapNorm(3), torch.randn(1, 3, 1, 1)
    torch.testing.assert_close(norm.train()(maps), norm.eval()(maps))
    norm.train()
    usual = torch.nn.BatchNorm2d(3)
    for shape in ((2, 3, 1, 1), (1, 3, 1, 2)):
        maps = torch.randn(shape)
        torch.testing.assert_close(norm(maps), usual(maps))
