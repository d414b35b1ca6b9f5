import librosa
import numpy as np
import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.features.delta import Deltas


def slow_slope(frames, width):
    """The formula of the docstring, step by step."""
    last = len(frames) - 1
    weights = range(1, width + 1)
    return np.stack(
        [
            sum(k * (frames[min(t + k, last)] - frames[max(t - k, 0)]) for k in weights)
            / (2 * sum(k * k for k in weights))
            for t in range(len(frames))
        ]
    )


@pytest.mark.parametrize("width", [1, 2, 4])
@pytest.mark.parametrize("length", [1, 2, 3, 5, 40])
def test_slopes_are_those_of_the_formula(width, length):
    frames = np.random.default_rng(0).normal(size=(length, 13)).astype(np.float32)
    other = torch.full((50, 13), 1e9)
    first = slow_slope(frames, width)
    expected = np.concatenate([frames, first, slow_slope(first, width)], axis=1)
    found = Deltas(2, width)(Padded.stack([torch.from_numpy(frames), other])).rows()[0]
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)


def test_slopes_are_librosas():
    frames = np.random.default_rng(0).normal(size=(30, 13)).astype(np.float32)
    expected = frames
    for _ in range(3):
        expected = librosa.feature.delta(expected, width=7, axis=0, mode="nearest")
    found = Deltas(order=3, width=3)(Padded.stack([torch.from_numpy(frames)])).data[0]
    np.testing.assert_allclose(found[:, -13:].numpy(), expected, atol=1e-6)


def test_a_ramp_has_its_own_slope():
    ramp = 0.25 * torch.arange(20.0)[:, None]
    found = Deltas(order=1)(Padded.stack([ramp])).data[0]
    torch.testing.assert_close(found[2:-2, 1], torch.full((16,), 0.25))
    assert Deltas(order=1).output_dim(13) == 26


def test_no_step_has_no_slope():
    assert Deltas()(Padded(torch.zeros(2, 0, 13), torch.tensor([0, 0]))).data.shape == (2, 0, 39)


def test_a_stream_is_late_by_its_reach():
    stage = Deltas(order=2, width=3)
    state, lengths = stage.initial_state(1), []
    for _ in range(9):
        y, state = stage.step(torch.ones(1, 1, 4), state)
        lengths.append(y.shape[1])
    assert lengths == [0, 0, 0, 0, 0, 0, 1, 1, 1]
    assert state.frames.shape[1] == 9
    assert stage.step(torch.ones(1, 0, 4), state, final=True)[0].shape == (1, 6, 12)


@pytest.mark.parametrize(("order", "width"), [(0, 2), (2, 0)])
def test_there_must_be_something_to_do(order, width):
    with pytest.raises(ValueError, match=f"order and width >= 1, got {order} and {width}"):
        Deltas(order, width)
