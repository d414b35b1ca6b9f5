import pytest
import torch
from torch import nn

from rnnmm.batch import Padded
from rnnmm.features.chain import Chain
from rnnmm.features.delta import Deltas
from rnnmm.features.mel import Mfcc
from rnnmm.features.normalise import NormaliseUtterance

CLIPS = Padded.stack([torch.randint(-9000, 9000, (n,), dtype=torch.int16) for n in (5000, 800)])


def test_a_chain_is_its_stages_in_a_row():
    mfcc, deltas, normalise = Mfcc(16_000, num_mfcc=13), Deltas(order=1), NormaliseUtterance()
    chain = Chain([mfcc, deltas, normalise])
    assert torch.equal(chain(CLIPS).data, normalise(deltas(mfcc(CLIPS))).data)
    assert chain.output_dim(1) == 26
    assert chain.frame_rate(16_000) == 100
    assert chain.num_frames(5000) == 32


def test_an_empty_chain_is_the_identity():
    chain = Chain()
    assert chain(CLIPS) is CLIPS
    assert (chain.output_dim(13), chain.frame_rate(100), chain.num_frames(7)) == (13, 100, 7)


def test_only_stages_make_a_chain():
    with pytest.raises(ValueError, match="Chain: expected stages of features, got Linear"):
        Chain([nn.Linear(2, 2)])
