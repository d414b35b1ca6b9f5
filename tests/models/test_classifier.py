"""What the heads of video models can tell apart, and what they cannot."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from rnnmm.batch import Padded
from rnnmm.models.classifier import Classifier, Consensus
from rnnmm.models.encoder import Cnn, CnnConvLstm, CnnRnn
from rnnmm.nn.frame import PlainCnn
from rnnmm.nn.pooling import MeanPooling


def frames() -> PlainCnn:
    return PlainCnn(3, (4, 8))


HEADS: dict[str, tuple[bool, Callable[[], nn.Module]]] = {
    "mean": (False, lambda: Classifier(Cnn(frames(), 8), 5, MeanPooling)),
    "attention": (False, lambda: Classifier(Cnn(frames(), 8), 5)),
    "consensus": (False, lambda: Consensus(Cnn(frames(), 8), 5)),
    "lstm": (True, lambda: Classifier(CnnRnn(frames(), 8, 8), 5)),
    "gru": (True, lambda: Classifier(CnnRnn(frames(), 8, 8, cell="gru"), 5)),
    "convlstm": (True, lambda: Classifier(CnnConvLstm(frames(), 8, 4), 5)),
}


@pytest.mark.parametrize("name", HEADS)
def test_the_order_of_frames_counts_for_those_that_remember(name: str) -> None:
    torch.manual_seed(0)
    remembers, make = HEADS[name]
    model = make().eval()
    clip, lengths = torch.randn(1, 6, 3, 16, 16), torch.tensor([6])
    ahead, back = model(Padded(clip, lengths)), model(Padded(clip.flip(1), lengths))
    assert torch.allclose(ahead, back, atol=1e-5) is not remembers


def test_a_consensus_is_the_mean_of_what_each_frame_alone_would_score() -> None:
    torch.manual_seed(0)
    model = Consensus(Cnn(frames(), 8), 5).eval()
    clip = torch.randn(1, 4, 3, 16, 16)
    alone = [model(Padded(clip[:, t : t + 1], torch.tensor([1]))) for t in range(4)]
    together = model(Padded(clip, torch.tensor([4])))
    torch.testing.assert_close(together, torch.stack(alone).mean(0), atol=1e-6, rtol=1e-5)
