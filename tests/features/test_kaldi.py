import numpy as np
import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.features.filterbank import kaldi_filterbank
from rnnmm.features.kaldi import KaldiFbank

NUM_SAMPLES = 8000


def signals():
    rng = np.random.default_rng(0)
    time = np.arange(NUM_SAMPLES) / 16_000
    return {
        "noise": rng.normal(size=NUM_SAMPLES) * 3000,
        "quiet noise": rng.normal(size=NUM_SAMPLES) * 2,
        "tone": 16_000 * np.sin(2 * np.pi * 440 * time),
        "speech": 9000 * np.sign(np.sin(800 * time)) * np.exp(-6 * ((4 * time) % 1)),
        "silence": 0 * time,
    }


def as_pcm(signal):
    return torch.from_numpy(signal.round().astype(np.int16))


def kaldis(pcm, sample_rate, num_mels, snip_edges=True, preemphasis=0.97, fmin_hz=20.0):
    native = pytest.importorskip("kaldi_native_fbank", reason="kaldi-native-fbank is not here")
    options = native.FbankOptions()
    options.frame_opts.dither = 0
    options.frame_opts.samp_freq = sample_rate
    options.frame_opts.snip_edges = snip_edges
    options.frame_opts.preemph_coeff = preemphasis
    options.mel_opts.num_bins = num_mels
    options.mel_opts.low_freq = fmin_hz
    fbank = native.OnlineFbank(options)
    fbank.accept_waveform(sample_rate, pcm.float().tolist())
    fbank.input_finished()
    frames = [fbank.get_frame(t) for t in range(fbank.num_frames_ready)]
    return np.array(frames, np.float32).reshape(-1, num_mels)


@pytest.mark.parametrize("sample_rate", [8_000, 16_000])
@pytest.mark.parametrize("snip_edges", [True, False])
@pytest.mark.parametrize("name", signals())
def test_it_is_kaldis(name, snip_edges, sample_rate):
    pcm = as_pcm(signals()[name])
    stage = KaldiFbank(sample_rate, 40, snip_edges=snip_edges)
    found = stage(Padded.stack([pcm])).data[0].numpy()
    # Of a tone Kaldi's own float32 is further than this from the definition (see below).
    tolerance = 4e-3 if name == "tone" else 1e-3
    np.testing.assert_allclose(found, kaldis(pcm, sample_rate, 40, snip_edges), 0, tolerance)


@pytest.mark.parametrize("snip_edges", [True, False])
@pytest.mark.parametrize("length", [0, 79, 80, 120, 399, 400, 559, 560, 700])
def test_short_clips_are_kaldis(length, snip_edges):
    pcm = as_pcm(signals()["noise"])
    stage = KaldiFbank(16_000, snip_edges=snip_edges)
    found = stage(Padded.stack([pcm[:length], pcm])).rows()[0].numpy()
    expected = kaldis(pcm[:length], 16_000, 80, snip_edges) if length else found[:0]
    assert len(found) == stage.num_frames(length) == len(expected)
    np.testing.assert_allclose(found, expected, 0, 1e-3)


def test_options_are_kaldis():
    pcm = as_pcm(signals()["speech"])
    stage = KaldiFbank(16_000, 23, preemphasis=0.5, fmin_hz=100.0)
    expected = kaldis(pcm, 16_000, 23, preemphasis=0.5, fmin_hz=100.0)
    np.testing.assert_allclose(stage(Padded.stack([pcm])).data[0].numpy(), expected, 0, 1e-3)


@pytest.mark.parametrize("name", ["tone", "noise on a level"])
def test_it_is_the_definition_in_float64(name):
    noise = 5000 + np.random.default_rng(0).normal(size=NUM_SAMPLES) * 20
    pcm = as_pcm(noise if name == "noise on a level" else signals()["tone"])
    frames = np.lib.stride_tricks.sliding_window_view(pcm.double().numpy(), 400)[::160]
    frames = frames - frames.mean(1, keepdims=True)
    frames = frames - 0.97 * np.concatenate([frames[:, :1], frames[:, :-1]], 1)
    window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 399)) ** 0.85
    power = np.abs(np.fft.rfft(frames * window, 512)) ** 2
    mel = power @ kaldi_filterbank(16_000, 512, 80, 20, None).double().numpy()
    found = KaldiFbank(16_000)(Padded.stack([pcm])).data[0].numpy()
    np.testing.assert_allclose(found, np.log(np.maximum(mel, 2.0**-23)), 0, 1e-5)


def test_float_pcm_gives_what_int16_gives():
    pcm = as_pcm(signals()["speech"])
    stage = KaldiFbank(16_000)
    found = stage(Padded.stack([pcm / 32768])).data
    torch.testing.assert_close(found, stage(Padded.stack([pcm])).data)


def test_gradients_reach_the_samples():
    samples = (torch.randn(1, 900) / 5).requires_grad_()
    KaldiFbank(16_000)(Padded(samples, torch.tensor([900]))).data.sum().backward()
    assert samples.grad.isfinite().all()
    assert samples.grad.any()


def test_a_mirrored_end_cannot_be_known_in_a_stream():
    with pytest.raises(ValueError, match="KaldiFbank cannot stream"):
        KaldiFbank(16_000, snip_edges=False).initial_state(1)


def test_arguments_and_rates_are_checked():
    with pytest.raises(ValueError, match=r"expected preemphasis within 0..1, got 1.5"):
        KaldiFbank(16_000, preemphasis=1.5)
    with pytest.raises(ValueError, match="expected PCM at 16000 Hz, got 8000 Hz"):
        KaldiFbank(16_000).frame_rate(8_000)
    assert KaldiFbank(16_000).frame_rate(16_000) == 100
