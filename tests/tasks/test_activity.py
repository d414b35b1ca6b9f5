import numpy as np
import pytest
import torch
from torch import nn

import rnnmm.tasks.activity as module
from rnnmm.batch import Padded
from rnnmm.decode.segments import SegmentRule
from rnnmm.features.chain import Chain
from rnnmm.features.kaldi import KaldiFbank
from rnnmm.features.mel import LogMel
from rnnmm.features.scale import Scale
from rnnmm.models.tagger import Tagger
from rnnmm.nn.convolution import TimeFrequencyConvolution
from rnnmm.tasks.activity import speech_segments, tag_recording
from rnnmm.tasks.optimisation import AdamW
from rnnmm.tasks.tagging import Segments, Tagging

RATE = 8000


class Loud(nn.Module):
    """Says yes where the mean of the features is above zero; a step for each two frames."""

    output_dim = 1

    def output_lengths(self, lengths: torch.Tensor) -> torch.Tensor:
        return (lengths + 1) // 2

    def forward(self, x: Padded) -> Padded:
        level = x.data.mean(dim=2, keepdim=True)[:, ::2]
        return Padded(level, self.output_lengths(x.lengths)).zeroed()


class Late(Loud):
    """As `Loud`, a step for each frame; says yes in the last one alone."""

    def output_lengths(self, lengths: torch.Tensor) -> torch.Tensor:
        return lengths

    def forward(self, x: Padded) -> Padded:
        level = torch.full_like(x.data[..., :1], -1.0)
        level[:, -1] = 1.0
        return x.with_data(level)


def detector(references=(("0-1 speech",),), encoder: nn.Module | None = None) -> Tagging:
    target, features = Segments(RATE), Chain([LogMel(RATE, 20), Scale()])
    answers = target.learn(list(references), 1)
    model = Tagger(encoder or Loud(), len(answers.vocabulary), rule=SegmentRule(min_gap_s=0.05))
    if encoder is None:
        nn.init.constant_(model.head.weight, 50.0)
        nn.init.zeros_(model.head.bias)
    return Tagging("activity", "audio", target, features, model, answers, AdamW()).eval()


def recording(seconds: float, *loud: tuple[float, float]) -> np.ndarray:
    rng = np.random.default_rng(0)
    samples = rng.standard_normal(int(RATE * seconds))
    for start, end in loud:
        samples[int(start * RATE) : int(end * RATE)] *= 5000
    return samples.astype(np.int16)


def test_it_gives_what_the_energy_detector_gives() -> None:
    samples = recording(4.0, (0.5, 1.2), (2.0, 4.0))
    found = speech_segments(detector(), samples, RATE)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, [[0.5, 1.2], [2.0, 4.0]], atol=0.03)
    assert speech_segments(detector(), samples[:0], RATE).shape == (0, 2)
    assert speech_segments(detector(), recording(1.0), RATE).shape == (0, 2)


@pytest.mark.parametrize("seconds", [0.01, 1.0, 1.99, 3.0, 5.03])
def test_a_long_recording_in_blocks_is_as_in_one(
    monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    torch.manual_seed(0)
    encoder = TimeFrequencyConvolution(20, (4, 4))  # which looks a few frames to either side
    task, samples = detector(encoder=encoder), recording(seconds, (0.3, 0.7), (2.5, 2.8))
    whole = task.tag(Padded(torch.tensor(samples)[None], torch.tensor([len(samples)])))[0]
    monkeypatch.setattr(module, "_BLOCK_S", 1.0)
    monkeypatch.setattr(module, "_CONTEXT_S", 0.1)
    blocks = tag_recording(task, samples)
    assert blocks.shape == whole.shape
    np.testing.assert_allclose(blocks, whole, atol=1e-5)


def test_a_frame_that_begins_where_the_recording_ends_is_no_segment() -> None:
    samples, task = recording(1.0), detector()
    task.model.stride, task.model.encoder = 1, Late()
    task.model.head = nn.Linear(1, 1)
    nn.init.constant_(task.model.head.weight, 50.0)
    nn.init.zeros_(task.model.head.bias)
    scores = tag_recording(task, samples)  # 101 frames, the last with its middle at 1 s
    assert len(scores) == 101 and (scores > 0.5).sum() == 1
    assert speech_segments(task, samples, RATE).shape == (0, 2)
    pcm = Padded(torch.tensor(samples)[None], torch.tensor([len(samples)]))
    (prediction,) = task.predict(torch.tensor([0]), pcm)
    assert prediction.hypothesis == "" and prediction.timeline.segments == ()


def test_less_than_a_frame_has_no_segments() -> None:
    task = detector()
    task.features = Chain([KaldiFbank(RATE, 20)])
    assert tag_recording(task, recording(0.02)).shape == (0, 1)
    assert speech_segments(task, recording(0.02), RATE).shape == (0, 2)


def test_what_cannot_be_answered_is_refused() -> None:
    samples = recording(1.0)
    with pytest.raises(
        ValueError, match=r"activity: expected a run on sound of 16000 Hz, got one"
    ):
        speech_segments(detector(), samples, 16000)
    two = detector((("0-1 cat; 0-1 dog",),))
    with pytest.raises(ValueError, match=r"expected one of the labels cat, dog, got None"):
        speech_segments(two, samples, RATE)
    with pytest.raises(ValueError, match=r"expected one of the labels cat, dog, got 'cow'"):
        speech_segments(two, samples, RATE, "cow")
    assert speech_segments(two, samples, RATE, "dog").shape == (0, 2)
