import inspect

import librosa
import numpy as np
import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.features.mel import Mfcc
from rnnmm.features.reference import LibrosaMfcc

CLIPS = [torch.randint(-9000, 9000, (n,), dtype=torch.int16) for n in (5000, 1, 300)]


def test_it_takes_the_arguments_of_ours():
    ours, librosas = (inspect.signature(stage.__init__) for stage in (Mfcc, LibrosaMfcc))
    assert ours == librosas


@pytest.mark.parametrize("top_db", [None, 25.0])
def test_it_equals_ours(top_db):
    arguments = (16_000, 20, 64, 32.0, 8.0, 20.0, 7600.0, top_db)
    ours, librosas = (stage(*arguments)(Padded.stack(CLIPS)) for stage in (Mfcc, LibrosaMfcc))
    assert torch.equal(ours.lengths, librosas.lengths)
    torch.testing.assert_close(ours.data, librosas.data, rtol=0, atol=1e-3)


def test_it_is_librosas_mfcc():
    expected = librosa.feature.mfcc(
        y=CLIPS[0].numpy() / np.float32(32768),
        sr=16_000,
        n_mfcc=40,
        n_mels=80,
        n_fft=512,
        win_length=400,
        hop_length=160,
        pad_mode="constant",
    )
    found = LibrosaMfcc(16_000, top_db=80.0)(Padded.stack(CLIPS)).rows()[0]
    np.testing.assert_allclose(found.numpy(), expected.T, atol=1e-4)


def test_its_time_grid_is_that_of_ours():
    stage = LibrosaMfcc(8_000)
    assert stage.frame_rate(8_000) == 100
    with pytest.raises(ValueError, match="expected PCM at 8000 Hz, got 16000 Hz"):
        stage.frame_rate(16_000)
