import math

import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.features.augment import FrequencyWarp, SpecAugment, TimeStretch, TimeWarp, Views


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def runs(hidden):
    """Lengths of the runs of True."""
    edges = torch.diff(torch.cat([torch.zeros(1), hidden.float(), torch.zeros(1)]))
    return ((edges == -1).nonzero() - (edges == 1).nonzero()).flatten().tolist()


@pytest.mark.parametrize("seed", range(20))
def test_masks_are_as_many_and_as_wide_as_allowed(seed):
    x = Padded.stack([torch.ones(n, 40) for n in (200, 30)])
    y = SpecAugment(2, 25, 0.2, 1, 8)(x, generator(seed))
    for row, widest in zip(y.rows(), (25, 6), strict=True):
        hidden = row == 0
        time, freq = hidden.all(dim=1), hidden.all(dim=0)
        assert torch.equal(hidden, time[:, None] | freq[None, :])
        assert len(runs(time)) <= 2
        assert time.sum() <= 2 * widest
        assert len(runs(freq)) <= 1
        assert freq.sum() <= 8


def test_masks_reach_every_width_and_both_ends():
    x = Padded.stack([torch.ones(20, 10)] * 3000)
    y = SpecAugment(1, 4, 1.0, 1, 3)(x, generator())
    time, freq = (y.data == 0).all(dim=2), (y.data == 0).all(dim=1)
    assert time.sum(1).unique().tolist() == [0, 1, 2, 3, 4]
    assert freq.sum(1).unique().tolist() == [0, 1, 2, 3]
    assert time.any(0).all()
    assert freq.any(0).all()


def test_the_mean_fills_masks_by_feature():
    x = Padded.stack([torch.randn(50, 20) + 5, torch.randn(400, 20)])
    y = SpecAugment(2, 20, 0.5, 2, 6, fill="mean")(x, generator(1))
    before, after = x.rows()[0], y.rows()[0]
    changed = before != after
    assert changed.any()
    torch.testing.assert_close(after[changed], before.mean(0).expand(50, -1)[changed])


def test_no_masks_change_nothing():
    x = Padded.stack([torch.randn(50, 3)])
    assert torch.equal(SpecAugment(0, 40, 0.2, 0, 15)(x, generator()).data, x.data)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_time_masks": -1}, "expected counts and widths >= 0 and a fraction"),
        ({"max_time_fraction": 1.5}, r"a fraction within 0..1, got .* and 1.5"),
        ({"fill": "noise"}, "expected fill zero or mean, got 'noise'"),
    ],
)
def test_spec_augment_checks_its_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        SpecAugment(**arguments)


def test_a_mask_must_leave_features():
    with pytest.raises(ValueError, match="expected max_freq_mask below the 13 features, got 15"):
        SpecAugment()(Padded.stack([torch.randn(50, 13)]), generator())


@pytest.mark.parametrize("rate", [0.5, 0.8, 1.0, 1.25, 2.0])
def test_a_ramp_stays_a_ramp_at_any_rate(rate):
    x = Padded.stack([torch.arange(80.0)[:, None].expand(-1, 3), torch.randn(200, 3)])
    y = TimeStretch(rate, rate)(x, generator())
    assert y.lengths.tolist() == [80 / rate, 200 / rate]
    ramp = y.rows()[0][:, 0]
    slope = ramp.diff()[1:-1]
    torch.testing.assert_close(slope, torch.full_like(slope, rate), atol=1e-4, rtol=0)
    assert (ramp.min() >= 0) and (ramp.max() <= 79)
    torch.testing.assert_close(ramp.mean(), torch.tensor(39.5), atol=1e-3, rtol=0)
    if rate == 1:
        assert torch.equal(y.data, x.data)


def test_every_utterance_has_a_rate_of_its_own():
    x = Padded.stack([torch.randn(400, 2)] * 50)
    lengths = TimeStretch(0.8, 1.25)(x, generator()).lengths
    assert (lengths.min() >= 320) and (lengths.max() <= 500)
    assert len(lengths.unique()) > 30


@pytest.mark.parametrize("rate", [0.5, 0.8, 1.0, 1.25, 2.0])
def test_one_rate_everywhere_is_a_stretch(rate):
    x = Padded.stack([torch.randn(n, 3) for n in (120, 37, 1, 0)])
    warped, stretched = (each(rate, rate)(x, generator()) for each in (TimeWarp, TimeStretch))
    assert warped.lengths.tolist() == stretched.lengths.tolist()
    torch.testing.assert_close(warped.data, stretched.data, atol=1e-5, rtol=0)


def test_a_time_warp_of_nobody_is_nothing():
    x = Padded(torch.zeros(0, 5, 3), torch.zeros(0, dtype=torch.int64))
    assert TimeWarp()(x, generator()).data.shape == (0, 5, 3)


def test_a_time_warp_changes_its_rate_within_an_utterance():
    ramp = torch.arange(4000.0)[:, None]
    x = Padded.stack([ramp] * 40)
    y = TimeWarp(0.5, 2.0, spacing=50)(x, generator())
    # The mean of 1 / rate, where log(rate) lies between two numbers drawn evenly.
    weights = (torch.arange(1000.0) + 0.5) / 1000 * math.log(2)
    means = weights.sinh() / weights
    expected = (means * means.flip(0)).mean()
    torch.testing.assert_close(y.lengths.float().mean() / 4000, expected, atol=0.02, rtol=0)
    for row in y.rows():
        rates = row[:, 0].diff()[1:-1]
        assert (rates > 0.49).all() and (rates < 2.01).all()
        assert (rates.min() < 0.6) and (rates.max() > 1.7)
        assert rates.diff().abs().max() < 0.25  # from 0.5 to 2 takes at least 25 new frames


@pytest.mark.parametrize("factor", [0.7, 1.0, 1.3])
def test_a_warp_moves_a_peak(factor):
    mel = torch.arange(80.0)
    peak = torch.exp(-((mel - 40) ** 2) / 18).expand(10, -1)
    warped = FrequencyWarp(factor, factor)(Padded.stack([peak]), generator()).data[0]
    expected = torch.exp(-((factor * mel - 40) ** 2) / 18)
    torch.testing.assert_close(warped, expected.expand(10, -1), atol=0.02, rtol=0)
    if factor == 1:
        assert torch.equal(warped, peak)


@pytest.mark.parametrize("augmentation", [TimeStretch, TimeWarp, FrequencyWarp])
def test_rates_have_limits(augmentation):
    with pytest.raises(ValueError, match=r"expected 0.5 <= low <= high <= 2, got 0.1 and 1"):
        augmentation(0.1, 1)


def test_views_repeat_the_batch_and_what_follows_is_drawn_anew():
    x = Padded.stack([torch.ones(n, 40) for n in (50, 30)])
    y = Views(3)(x, generator())
    assert y.lengths.tolist() == [50, 30] * 3
    assert torch.equal(y.data[2:4], x.data)
    hidden = SpecAugment()(y, generator())
    assert not torch.equal(hidden.data[:2], hidden.data[2:4])
    with pytest.raises(ValueError, match="Views: expected a count >= 1, got 0"):
        Views(0)
