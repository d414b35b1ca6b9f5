import pytest
import torch

from rnnmm.batch import AudioVisual, Padded
from rnnmm.features.augment import TimeStretch, Views
from rnnmm.features.augment_audio import Gain
from rnnmm.features.augment_edges import Silence
from rnnmm.features.sometimes import Sometimes


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_the_wanted_share_is_changed_and_the_others_are_not():
    x = Padded.stack([torch.randn(40, 2) for _ in range(400)])
    y = Sometimes(TimeStretch(2, 2), 0.25)(x, generator())
    changed = y.lengths == 20
    assert 70 < changed.sum() < 130
    for old, new, is_changed in zip(x.rows(), y.rows(), changed.tolist(), strict=True):
        assert is_changed or torch.equal(old, new)


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_never_and_always(probability):
    x = Padded.stack([torch.ones(n) for n in (800, 300)])
    y = Sometimes(Gain(6, 6), probability)(x, generator())
    torch.testing.assert_close(y.data, x.data * 10 ** (6 / 20 * probability))


def test_samples_are_of_one_scale_whether_changed_or_not():
    x = Padded.stack([torch.full((100,), 16384, dtype=torch.int16)] * 20)
    y = Sometimes(Silence(1000, 0.01), 0.5)(x, generator())
    assert y.data.dtype == torch.float32
    assert set(y.data.unique().tolist()) == {0.0, 0.5}


def test_it_refuses_what_makes_more_utterances():
    x = Padded.stack([torch.ones(50, 13)])
    with pytest.raises(ValueError, match="keeps the number of utterances, got Views"):
        Sometimes(Views(2))(x, generator())


def test_it_refuses_sound_and_pictures_at_once():
    pictures = Padded.stack([torch.zeros(2, 3)])
    x = AudioVisual(torch.zeros(1, 800), torch.tensor([800]), pictures)
    with pytest.raises(ValueError, match="expected sound or pictures alone, got both"):
        Sometimes(Silence(8000))(x, generator())


def test_the_probability_has_limits():
    with pytest.raises(ValueError, match=r"expected 0 <= probability <= 1, got 1\.5"):
        Sometimes(Gain(), 1.5)
