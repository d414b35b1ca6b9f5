import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.models.ecapa import EcapaTdnn, SqueezedRes2, SqueezeExcitation
from rnnmm.models.embedder import Embedder
from rnnmm.nn.pooling import ChannelAttentiveStatistics
from rnnmm.tasks.task import count_parameters


def test_the_paper_s_size() -> None:
    """Table 1: 6.2 million parameters at 512 channels, without the classes."""
    model = Embedder(EcapaTdnn(80), 80, 2, pooling=ChannelAttentiveStatistics)
    assert count_parameters(model) == pytest.approx(6.2e6, rel=0.01)


def test_excitation_looks_at_valid_steps_alone() -> None:
    torch.manual_seed(0)
    squeeze = SqueezeExcitation(4, 3)
    x = torch.rand(1, 6, 4)
    gate = squeeze.gate(x[:, :4].mean(1)).sigmoid()
    padded = squeeze(Padded(x, torch.tensor([4])))
    torch.testing.assert_close(padded.data[:, :4], x[:, :4] * gate[:, None])


def test_later_parts_hear_earlier_ones_and_the_first_goes_through() -> None:
    torch.manual_seed(0)
    block = SqueezedRes2(8, 1, 4, 4).eval()
    x = torch.randn(1, 5, 8)
    usual = block._convolved(Padded(x, torch.tensor([5]))).data
    assert torch.equal(usual[..., :2], x[..., :2])
    changed = x.clone()
    changed[..., 2:4] += 1
    moved = (block._convolved(Padded(changed, torch.tensor([5]))).data - usual).abs()
    assert not moved[..., :2].any()
    assert all(moved[..., at : at + 2].any() for at in (2, 4, 6))


def test_channels_must_divide() -> None:
    with pytest.raises(ValueError, match="multiple of the scale 8, got 12"):
        EcapaTdnn(4, channels=12)
