import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.losses import consistency_loss, ctc_loss
from rnnmm.models.ctc import CtcModel
from rnnmm.models.encoder import Crnn
from rnnmm.nn.recurrent import Recurrent


def test_views_add_their_distance_to_the_loss_of_each() -> None:
    torch.manual_seed(0)
    model = CtcModel(Recurrent(4, 8), 5, consistency=0.5)
    x = Padded.stack([torch.randn(n, 4) for n in (9, 7)])
    other = Padded.stack([torch.randn(n, 4) for n in (9, 7)])
    targets = Padded.stack([torch.tensor([1, 2]), torch.tensor([3])])
    both = Padded(torch.cat([x.data, other.data]), x.lengths.repeat(2))
    twice = Padded(targets.data.repeat(2, 1), targets.lengths.repeat(2))
    assert model.loss(x, targets) == ctc_loss(model(x), targets)
    apart = 0.5 * consistency_loss(model(both), twice, views=2)
    mean = (ctc_loss(model(x), targets) + ctc_loss(model(other), targets)) / 2
    assert model.loss(both, targets).item() == pytest.approx((mean + apart).item(), rel=1e-5)
    same = Padded(x.data.repeat(2, 1, 1), both.lengths)
    assert model.loss(same, targets).item() == pytest.approx(model.loss(x, targets).item())


@pytest.mark.parametrize("strides", [(1, 1), (2, 2), (11, 1), (8, 4), (8, 8)])
def test_a_step_is_as_long_as_all_strides_together(strides: tuple[int, int]) -> None:
    encoder = Crnn(12, channels=(4, 4), strides=strides, hidden_dim=4)
    assert CtcModel(encoder, 5).stride == strides[0] * strides[1]
