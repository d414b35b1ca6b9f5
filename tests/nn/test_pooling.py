import torch

from rnnmm.batch import Padded
from rnnmm.nn.pooling import (
    AttentiveStatistics,
    ChannelAttentiveStatistics,
    LastPooling,
    MapSummary,
    MeanPooling,
    Statistics,
    map_centres,
)


def test_mean_and_last_look_at_valid_steps_alone() -> None:
    x = Padded(torch.tensor([[[1.0], [3.0]], [[5.0], [torch.nan]]]), torch.tensor([2, 1]))
    assert MeanPooling(1)(x).tolist() == [[2.0], [5.0]]
    assert LastPooling(1)(x).tolist() == [[3.0], [5.0]]


def test_attentive_statistics_with_equal_weights_are_mean_and_deviation() -> None:
    torch.manual_seed(0)
    pooling = AttentiveStatistics(3)
    torch.nn.init.zeros_(pooling.scorer[2].weight)
    x = torch.randn(1, 50, 3)
    pooled = pooling(Padded(x, torch.tensor([50])))
    expected = torch.cat([x.mean(1), x.std(1, unbiased=False)], dim=1)
    torch.testing.assert_close(pooled, expected, atol=1e-5, rtol=1e-5)


def test_a_small_deviation_beside_a_large_mean_is_found() -> None:
    x = torch.randn(1, 400, 3) * 0.01
    x = x - x.mean(1, keepdim=True) + 50
    for pooling in (AttentiveStatistics(3), Statistics(3), ChannelAttentiveStatistics(3)):
        for weight in pooling.parameters():
            torch.nn.init.zeros_(weight)
        pooled = pooling(Padded(x, torch.tensor([400])))[:, 3:]
        torch.testing.assert_close(pooled, x.std(1, unbiased=False), rtol=0.01, atol=0)


def test_statistics_are_mean_and_deviation_of_the_valid_steps() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 50, 3)
    expected = torch.cat([x[1, :20].mean(0), x[1, :20].std(0, unbiased=False)])
    x[1, 20:] = torch.nan
    pooled = Statistics(3)(Padded(x, torch.tensor([50, 20])))
    torch.testing.assert_close(pooled[1], expected)


def test_each_channel_weighs_the_steps_for_itself() -> None:
    torch.manual_seed(0)
    pooling = ChannelAttentiveStatistics(3, 5).eval()
    x = torch.randn(1, 40, 3)
    padded = Padded(x, torch.tensor([40]))
    seen = torch.cat([x, Statistics(3)(padded)[:, None].expand(-1, 40, -1)], dim=2)
    hidden = (pooling.hidden(seen).relu() / (1 + pooling.norm.norm.eps) ** 0.5).tanh()
    weights = pooling.scorer(hidden).softmax(dim=1)  # (1, 40, 3)
    mean = (weights * x).sum(1)
    deviation = ((weights * x.square()).sum(1) - mean.square()).sqrt()
    torch.testing.assert_close(pooling(padded), torch.cat([mean, deviation], dim=1))
    assert (weights.argmax(dim=1)[0] != weights.argmax(dim=1)[0, 0]).any()


def test_a_single_step_has_a_finite_gradient() -> None:
    for pooling in (AttentiveStatistics(3), Statistics(3), ChannelAttentiveStatistics(3)):
        x = torch.randn(1, 1, 3, requires_grad=True)
        pooling(Padded(x, torch.tensor([1]))).sum().backward()
        assert x.grad.isfinite().all()


def test_centres_say_where_things_are() -> None:
    maps = torch.zeros(3, 1, 3, 5)
    maps[0, 0, 0, 4] = 2.0  # top right
    maps[1, 0, 2, 0] = 1.0  # bottom left
    x, y = map_centres(maps).unbind(dim=1)
    torch.testing.assert_close(x, torch.tensor([0.8, -0.8, 0.0]), atol=1e-3, rtol=0)
    torch.testing.assert_close(y, torch.tensor([-2 / 3, 2 / 3, 0.0]), atol=1e-3, rtol=0)


def test_a_summary_takes_pictures_of_any_size_and_a_single_one() -> None:
    summary = MapSummary(4, 6).train()
    assert summary(torch.rand(3, 4, 8, 8)).shape == (3, 6)
    assert summary(torch.rand(1, 4, 5, 9)).shape == (1, 6)
