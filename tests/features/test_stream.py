"""Steps give what the whole gives: on every stage that can stream; a new one is a line here."""

import contextlib
import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnmm.features.chain import Chain
from rnnmm.features.delta import Deltas
from rnnmm.features.kaldi import KaldiFbank
from rnnmm.features.mel import LogMel, Mfcc
from rnnmm.features.normalise import NormaliseGlobal, NormaliseRunning, NormaliseWindow
from rnnmm.features.scale import Floor, Scale
from rnnmm.features.stage import dense, joined

SAMPLES = (3000, 1, 799, 1600)
STEPS = (30, 1, 7, 64)
TOLERANCE = 1e-4  # of MFCC: a sum over 80 bands of some -60 dB, added up in another order


def pcm(length):
    return torch.randint(-9000, 9000, (2, length), dtype=torch.int16)


def float_samples(length):
    return torch.randn(2, length) / 4


def features(length):
    return torch.randn(2, length, 24) * 20 - 70


STREAMS = {
    "log_mel": (LogMel(16_000), pcm, SAMPLES),
    "log_mel float": (LogMel(8_000, num_mels=40), float_samples, SAMPLES),
    "mfcc": (Mfcc(16_000, num_mfcc=13), pcm, SAMPLES),
    "kaldi": (KaldiFbank(16_000, 40), pcm, SAMPLES),
    "deltas": (Deltas(), features, STEPS),
    "global": (NormaliseGlobal([-70.0] * 24, [20.0] * 24), features, STEPS),
    "running": (NormaliseRunning(), features, STEPS),
    "window": (NormaliseWindow(20), features, STEPS),
    "scale": (Scale(), features, STEPS),
    "floor": (Floor(), features, STEPS),
    "no chain": (Chain([]), features, STEPS),
    "a hop longer than the window": (LogMel(8_000, 20, 25.0, 40.0), pcm, SAMPLES),
    "kaldi, such a hop": (KaldiFbank(8_000, 20, 25.0, 40.0), pcm, SAMPLES),
    "an odd window": (LogMel(22_050, 40), pcm, SAMPLES),
    "deltas thrice": (Deltas(order=3, width=1), features, STEPS),
    "running mean": (NormaliseRunning(variance=False), features, STEPS),
    "a window of one": (NormaliseWindow(1), features, STEPS),
    "a front end": (Chain([Mfcc(16_000), Deltas(), NormaliseWindow(7), Scale()]), pcm, SAMPLES),
    "a chain of chains": (
        Chain([Chain([KaldiFbank(16_000), Floor(3)]), Chain([NormaliseRunning(), Deltas(1, 3)])]),
        pcm, SAMPLES,
    ),
}  # fmt: skip


def streamed(stage, x, sizes):
    """A stream cut into chunks of such sizes, and one last one of what is left."""
    state, outputs, start = stage.initial_state(len(x)), [], 0
    for size in sizes:
        chunk = x[:, start : start + size]
        y, state = stage.step(chunk, state)
        outputs.append(y)
        start += size
    y, _ = stage.step(x[:, start:], state, final=True)
    return torch.cat([*outputs, y], dim=1)


CHUNKS = {
    "at once": lambda n: [],
    "and an empty end": lambda n: [n],
    "one by one": lambda n: [1] * min(n, 40),
    "a prime": lambda n: [37] * (n // 37),
    "with empty ones": lambda n: [0, 0, n // 2, 0],
}


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("chunks", CHUNKS)
def test_steps_are_the_whole_at_these_chunkings(name, chunks):
    stage, make, lengths = STREAMS[name]
    for length in lengths:
        x = make(length)
        whole = stage(dense(x)).data
        found = streamed(stage, x, CHUNKS[chunks](length))
        torch.testing.assert_close(found, whole, rtol=1e-5, atol=TOLERANCE)


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_steps_are_the_whole_at_any_chunking(data):
    stage, make, lengths = STREAMS[data.draw(st.sampled_from(sorted(STREAMS)))]
    length = data.draw(st.integers(0, max(lengths) // 2))
    sizes = data.draw(st.lists(st.integers(0, max(1, length // 2)), max_size=12))
    torch.manual_seed(length)
    x = make(length)
    whole = stage(dense(x)).data
    torch.testing.assert_close(streamed(stage, x, sizes), whole, rtol=1e-5, atol=TOLERANCE)


def leaves(state):
    for value in state:
        yield from leaves(value) if isinstance(value, tuple) else [value]


@pytest.mark.parametrize("name", STREAMS)
def test_a_state_is_a_value(name):
    stage, make, lengths = STREAMS[name]
    x = make(lengths[0])
    state = stage.step(x[:, : lengths[0] // 3], stage.initial_state(2))[1]
    before = copy.deepcopy(state)
    rest = x[:, lengths[0] // 3 :]
    first, again = (stage.step(rest, state, final=True)[0] for _ in range(2))
    assert torch.equal(first, again)
    assert all(isinstance(leaf, torch.Tensor) for leaf in leaves(state))
    assert all(torch.equal(*pair) for pair in zip(leaves(state), leaves(before), strict=True))


@pytest.fixture
def _meta_autocast(monkeypatch):
    """The meta device has no autocast to switch off."""
    monkeypatch.setattr(torch, "autocast", lambda *args, **kwargs: contextlib.nullcontext())


@pytest.mark.usefixtures("_meta_autocast")
@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_never_waits_for_a_value_of_the_device(name):
    stage, make, lengths = STREAMS[name]
    x = make(lengths[0])
    there = copy.deepcopy(stage).to("meta")
    found = streamed(there, x.to("meta"), [lengths[0] // 2])
    assert (found.device.type, found.shape) == ("meta", streamed(stage, x, []).shape)


def test_nothing_kept_may_be_of_any_shape():
    chunk = torch.ones(2, 3, 5)
    assert joined(torch.zeros(2, 0), chunk) is chunk
    assert joined(torch.zeros(2, 1, 5), chunk).sum() == 30
    assert dense(chunk).lengths.tolist() == [3, 3]
