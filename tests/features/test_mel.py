from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile
import torch

from rnnmm.batch import Padded
from rnnmm.features.mel import LogMel, Mfcc

FSDD = Path(__file__).parents[2] / "../shared/data/fsdd/recordings"


def noise(time):
    return np.random.default_rng(0).normal(size=len(time)) * 0.1


def tone(time):
    return 0.5 * np.sin(2 * np.pi * 440 * time)


def speech(time):
    """Pulses at a gliding pitch through two formants, in syllables."""
    pulses = np.sign(np.sin(2 * np.pi * (120 + 30 * time) * time))
    formants = np.sin(2 * np.pi * 600 * time) + 0.3 * np.sin(2 * np.pi * 1700 * time)
    return 0.3 * pulses * formants * np.exp(-6 * ((4 * time) % 1))


def clicks(time):
    return (np.arange(len(time)) % 1000 == 0) * 1.0


def silence(time):
    return 0 * time


def as_pcm(signal, sample_rate, num_samples):
    samples = signal(np.arange(num_samples) / sample_rate)
    return torch.from_numpy((samples * 32767).round().astype(np.int16))


def librosa_mel_db(pcm, stage, top_db=None, **options):
    power = librosa.feature.melspectrogram(
        y=pcm.numpy() / np.float32(32768),
        sr=stage.sample_rate,
        n_fft=stage.n_fft,
        win_length=stage.win_length,
        hop_length=stage.hop,
        n_mels=stage.output_dim(1),
        center=True,
        pad_mode="constant",
        **options,
    )
    return torch.from_numpy(librosa.power_to_db(power, ref=1.0, amin=1e-10, top_db=top_db).T)


def assert_within_range(found, expected, fraction=1e-4):
    assert found.shape == expected.shape
    tolerance = fraction * max(float(expected.max() - expected.min()), 1.0)
    assert float((found - expected).abs().max()) <= tolerance


@pytest.mark.filterwarnings("ignore:n_fft=.* is too large")
@pytest.mark.parametrize("sample_rate", [8_000, 16_000, 22_050, 44_100])
@pytest.mark.parametrize("signal", [noise, tone, speech, clicks, silence])
@pytest.mark.parametrize("seconds", [0.7, 0.013])
def test_log_mel_and_mfcc_equal_librosa(sample_rate, signal, seconds):
    pcm = as_pcm(signal, sample_rate, int(seconds * sample_rate))
    stage = Mfcc(sample_rate)
    mel_db = librosa_mel_db(pcm, stage.mel)
    assert_within_range(stage.mel(Padded.stack([pcm])).data[0], mel_db)
    mfcc = librosa.feature.mfcc(S=mel_db.numpy().T, n_mfcc=40)
    assert_within_range(stage(Padded.stack([pcm])).data[0], torch.from_numpy(mfcc.T))


@pytest.mark.filterwarnings("ignore:n_fft=.* is too large")
@pytest.mark.parametrize("num_samples", [1, 2, 159, 160, 161, 399, 400, 512])
def test_clips_around_a_window_equal_librosa(num_samples):
    pcm = as_pcm(noise, 16_000, num_samples)
    stage = LogMel(16_000)
    found = stage(Padded.stack([pcm]))
    assert_within_range(found.data[0], librosa_mel_db(pcm, stage))
    assert found.lengths.tolist() == [1 + num_samples // 160]


@pytest.mark.parametrize("top_db", [20.0, 80.0])
def test_top_db_is_that_of_librosa(top_db):
    pcm = as_pcm(speech, 16_000, 8000)
    quiet = (pcm / 100).to(torch.int16)  # a level of its own, in the same batch
    stage = LogMel(16_000, top_db=top_db)
    for row, clip in zip(stage(Padded.stack([pcm, quiet])).rows(), (pcm, quiet), strict=True):
        assert_within_range(row, librosa_mel_db(clip, stage, top_db))


def test_options_are_those_of_librosa():
    pcm = as_pcm(speech, 16_000, 8000)
    stage = LogMel(16_000, 30, 20.0, 7.0, fmin_hz=60.0, fmax_hz=5000.0, n_fft=600)
    assert (stage.win_length, stage.hop, stage.n_fft) == (320, 112, 600)
    expected = librosa_mel_db(pcm, stage, fmin=60.0, fmax=5000.0)
    assert_within_range(stage(Padded.stack([pcm])).data[0], expected)


@pytest.mark.corpus
@pytest.mark.skipif(not FSDD.is_dir(), reason="../shared/data/fsdd is not there")
def test_recorded_speech_equals_librosa():
    paths = sorted(FSDD.glob("*_0.wav"))[::6]
    clips = [torch.from_numpy(soundfile.read(path, dtype="int16")[0]) for path in paths]
    assert clips
    stage = LogMel(8_000)
    for clip, row in zip(clips, stage(Padded.stack(clips)).rows(), strict=True):
        assert_within_range(row, librosa_mel_db(clip, stage))


def test_an_empty_clip_has_one_silent_frame():
    mel_db = LogMel(16_000)(Padded(torch.full((1, 0), 7, dtype=torch.int16), torch.tensor([0])))
    assert mel_db.lengths.tolist() == [1]
    torch.testing.assert_close(mel_db.data, torch.full((1, 1, 80), -100.0))


def test_float_pcm_gives_what_int16_gives():
    pcm = as_pcm(speech, 16_000, 4000)
    stage = Mfcc(16_000)
    expected = stage(Padded.stack([pcm])).data
    torch.testing.assert_close(stage(Padded.stack([pcm.float() / 32768])).data, expected)


def test_gradients_reach_the_samples_and_never_the_padding():
    samples = (torch.randn(2, 900) / 5).requires_grad_()
    Mfcc(16_000)(Padded(samples, torch.tensor([900, 500]))).data.sum().backward()
    assert samples.grad.isfinite().all()
    assert samples.grad[1, :500].any()
    assert not samples.grad[1, 500:].any()


def test_top_db_needs_the_whole_clip():
    with pytest.raises(ValueError, match="LogMel cannot stream: its outputs depend on the whole"):
        Mfcc(16_000, top_db=80.0).initial_state(1)


@pytest.mark.parametrize("num_samples", [0, 239, 240, 400, 1999])
def test_a_frame_comes_with_the_last_sample_under_its_window(num_samples):
    stage = LogMel(16_000)
    samples = torch.zeros(2, num_samples, dtype=torch.int16)
    found, _ = stage.step(samples, stage.initial_state(2))
    assert found.shape == (2, max(0, 1 + (num_samples - 200) // 160), 80)


def test_autocast_does_not_round_the_features():
    x = Padded.stack([as_pcm(speech, 16_000, 4000)])
    stage = Mfcc(16_000)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = stage(x)
    assert torch.equal(found.data, stage(x).data)


@pytest.mark.parametrize("stage", [LogMel(22_050), Mfcc(22_050)])
def test_the_time_grid_is_that_of_whole_samples(stage):
    assert stage.frame_rate(22_050) == 22_050 / 221  # 10 ms are 220.5 samples, half up
    with pytest.raises(ValueError, match=r"expected PCM at 22050 Hz, got 16000 Hz; give"):
        stage.frame_rate(16_000)


def test_top_db_must_be_positive():
    with pytest.raises(ValueError, match="LogMel: expected top_db > 0 or None, got 0"):
        LogMel(16_000, top_db=0)
