import numpy as np
import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.features import spectrum
from rnnmm.features.filterbank import kaldi_filterbank, mel_filterbank, povey_window
from rnnmm.features.spectrum import BandPower, assembled

LENGTHS = (9000, 3000, 1)


def power(preemphasis=0.0):
    return BandPower(povey_window(400), 160, 512, mel_filterbank(16_000, 512, 30, 0, None),
                     preemphasis)  # fmt: skip


def clips():
    torch.manual_seed(0)
    return Padded.stack([torch.randint(-9000, 9000, (n,), dtype=torch.int16) for n in LENGTHS])


def together(stage, x, num_frames, **options):
    blocks = stage.blocks(x, num_frames, **options)
    return assembled(blocks, num_frames, (int(num_frames.max()), stage.num_filters), "cpu")


def by_hand(stage, clip, num_frames, start, offset):
    """The definition, frame by frame."""
    wave = clip.double().numpy() / 32768
    wave = wave - stage.preemphasis * np.concatenate([[0], wave[:-1]])
    wave = np.concatenate([np.zeros(-start), wave, np.zeros(stage.n_fft + num_frames * stage.hop)])
    frames = []
    for t in range(num_frames):
        frame = (wave[t * stage.hop :][:400] - offset[t]) * stage.window[:400].numpy()
        frames.append(np.abs(np.fft.rfft(frame, stage.n_fft)) ** 2)
    return np.array(frames) @ stage.filterbank.double().numpy()


OPTIONS = {
    "plain": (0.0, {}),
    "from before the clip": (0.0, {"start": -177}),
    "pre-emphasis and offsets": (0.9, {"offset": torch.linspace(-0.2, 0.2, 60)[None].repeat(3, 1)
                                       .double()}),
}  # fmt: skip


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("frames_per_call", [1024, 7])
def test_the_kernel_is_the_definition(name, frames_per_call, monkeypatch):
    monkeypatch.setattr(spectrum, "_KERNEL_FRAMES", frames_per_call)
    preemphasis, options = OPTIONS[name]
    stage, x, num_frames = power(preemphasis), clips(), torch.tensor([58, 20, 0])
    offset = options.get("offset", torch.zeros(3, 60))
    found = together(stage, x, num_frames, **options).rows()
    for row, clip, shift in zip(found, x.rows(), offset.numpy(), strict=True):
        if len(row):
            expected = by_hand(stage, clip, len(row), options.get("start", 0), shift)
            np.testing.assert_allclose(row.numpy(), expected, rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("shape", [(3, 10), (2, 7), (1, 256)])
def test_torch_gives_what_the_kernel_gives(name, shape, monkeypatch):
    preemphasis, options = OPTIONS[name]
    stage, x, num_frames = power(preemphasis), clips(), torch.tensor([58, 20, 0])
    expected = together(stage, x, num_frames, **options)
    monkeypatch.setattr(BandPower, "_is_compiled", lambda *arguments: False)
    monkeypatch.setattr(spectrum, "_block_shape", lambda x: shape)
    found = together(stage, x, num_frames, **options)
    assert torch.equal(found.lengths, expected.lengths)
    torch.testing.assert_close(found.data, expected.data, rtol=2e-6, atol=1e-12)


@pytest.mark.parametrize("num_threads", [1, 2, 3])
def test_threads_change_nothing(num_threads, monkeypatch):
    stage, x, num_frames = power(), clips(), torch.tensor([58, 20, 7])
    expected = together(stage, x, num_frames)
    monkeypatch.setattr(spectrum, "_THREADED_FRAMES", 1)
    monkeypatch.setattr(spectrum, "_KERNEL_FRAMES", 5)
    monkeypatch.setattr(torch, "get_num_threads", lambda: num_threads)
    assert torch.equal(together(stage, x, num_frames).data, expected.data)


def test_a_size_without_a_kernel_is_computed_all_the_same():
    stage = BandPower(povey_window(400), 160, 600, mel_filterbank(16_000, 600, 30, 0, None))
    x = clips()
    found = together(stage, x, torch.tensor([5, 5, 5])).rows()[0]
    np.testing.assert_allclose(found, by_hand(stage, x.rows()[0], 5, 0, np.zeros(5)), rtol=1e-5)


def test_nothing_wanted_is_nothing_computed():
    stage = BandPower(povey_window(400), 160, 512, kaldi_filterbank(16_000, 512, 30, 20, None))
    none = torch.zeros(3, dtype=torch.int64)
    assert together(stage, clips(), none).data.shape == (3, 0, 30)
