import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.features.normalise import (
    NormaliseGlobal,
    NormaliseRunning,
    NormaliseUtterance,
    NormaliseWindow,
    feature_statistics,
)


def rows(*lengths):
    torch.manual_seed(0)
    return [torch.randn(n, 5) * 12 - 60 for n in lengths]


def exactly(seen, step, variance):
    """The last of the steps seen, by the textbook."""
    centred = step.double() - seen.double().mean(0)
    if not variance:
        return centred
    return centred / seen.double().std(0, correction=0).clamp(min=1e-5)


@pytest.mark.parametrize("variance", [True, False])
def test_it_is_the_textbook_formula_on_each_utterance(variance):
    torch.manual_seed(0)
    rows = [torch.randn(n, 5) * 12 - 60 for n in (40, 7, 300)]
    found = NormaliseUtterance(variance)(Padded.stack(rows)).rows()
    for row, one in zip(rows, found, strict=True):
        exact = row.double() - row.double().mean(0)
        if variance:
            exact = exact / exact.square().mean(0).sqrt()
        torch.testing.assert_close(one.double(), exact, rtol=1e-5, atol=2e-6 if variance else 1e-5)


def test_assumed_steps_count_like_heard_ones():
    clips = [clip / 12 + 5.5 for clip in rows(7, 300)]
    found = NormaliseUtterance(prior_steps=40)(Padded.stack(clips)).rows()
    for clip, one in zip(clips, found, strict=True):
        mean = clip.double().sum(0) / (len(clip) + 40)
        centred = clip.double() - mean
        deviation = ((centred.square().sum(0) + 40) / (len(clip) + 40)).sqrt()
        torch.testing.assert_close(one, (centred / deviation).float(), rtol=1e-5, atol=1e-5)


def test_no_steps_can_be_unheard():
    with pytest.raises(ValueError, match="expected prior_steps >= 0, got -1"):
        NormaliseUtterance(prior_steps=-1)


def test_what_does_not_vary_becomes_zero():
    constant = torch.full((9, 3), -99.9)
    assert not NormaliseUtterance()(Padded.stack([constant, torch.randn(1, 3)])).data.any()


def test_any_axes_may_follow_time():
    pictures = torch.randn(6, 2, 4, 3)
    found = NormaliseUtterance()(Padded.stack([pictures])).data[0]
    expected = (pictures - pictures.mean(0)) / pictures.std(0, correction=0)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("variance", [True, False])
@pytest.mark.parametrize("window", [None, 1, 4, 30, 500])
def test_what_was_seen_so_far_normalises(window, variance):
    clips = rows(40, 7, 300)
    running = NormaliseRunning(variance)
    stage = running if window is None else NormaliseWindow(window, variance)
    for clip, found in zip(clips, stage(Padded.stack(clips)).rows(), strict=True):
        for t in range(len(clip)):
            seen = clip[max(0, t + 1 - (window or 1000)) : t + 1]
            expected = exactly(seen, clip[t], variance).float()
            torch.testing.assert_close(found[t], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("stage", [NormaliseRunning(), NormaliseWindow(10)])
def test_what_has_not_varied_yet_is_zero(stage):
    constant = torch.full((9, 3), -99.9)
    assert stage(Padded.stack([constant])).data.abs().max() < 1e-6


def test_a_long_stream_stays_exact():
    clip = torch.randn(20_000, 1) + 1000
    found = NormaliseRunning()(Padded.stack([clip])).data[0, -1]
    expected = exactly(clip, clip[-1], True).float()
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_a_window_holds_a_step():
    with pytest.raises(ValueError, match="NormaliseWindow: expected window >= 1, got 0"):
        NormaliseWindow(0)


def test_statistics_are_those_of_all_steps_however_they_are_batched():
    clips = rows(40, 7, 300, 1)
    steps = torch.cat(clips).double()
    none = Padded(torch.full((1, 3, 5), torch.nan), torch.tensor([0]))
    for batches in ([clips], [[clip] for clip in clips], [clips[:3], clips[3:]]):
        found = feature_statistics([none, *map(Padded.stack, batches)])
        assert found.num_steps == 348
        torch.testing.assert_close(found.mean, steps.mean(0))
        torch.testing.assert_close(found.deviation, steps.std(0, correction=0))
    with pytest.raises(ValueError, match="expected sequences with steps, got none"):
        feature_statistics([none])


def test_statistics_do_not_cancel_at_a_high_level():
    clip = torch.randn(5000, 1) / 1000 + 1000
    found = feature_statistics([Padded.stack([clip[:100]]), Padded.stack([clip[100:]])])
    torch.testing.assert_close(
        found.deviation, clip.double().std(0, correction=0), rtol=1e-9, atol=0
    )


def test_statistics_given_normalise_the_data_they_are_of():
    clips = rows(40, 300)
    mean, deviation, _ = feature_statistics([Padded.stack(clips)])
    found = NormaliseGlobal(mean.tolist(), deviation.tolist())(Padded.stack(clips))
    steps = torch.cat(found.rows())
    torch.testing.assert_close(steps.mean(0), torch.zeros(5), atol=1e-5, rtol=0)
    torch.testing.assert_close(steps.std(0, correction=0), torch.ones(5))


def test_a_feature_that_never_varied_is_only_centred():
    stage = NormaliseGlobal([3.0], [0.0])
    assert stage(Padded.stack([torch.tensor([[5.0]])])).data.tolist() == [[[2.0]]]


@pytest.mark.parametrize(("mean", "deviation"), [([], []), ([0.0], [1.0, 1.0]), ([0.0], [-1.0])])
def test_statistics_must_fit(mean, deviation):
    with pytest.raises(ValueError, match="expected a mean and a deviation >= 0 per feature, got"):
        NormaliseGlobal(mean, deviation)
