import torch
from torch.nn import functional

from rnnmm.batch import Padded
from rnnmm.nn.tdnn import TimeDelay


def test_it_is_a_dilated_convolution_then_relu_then_norm() -> None:
    torch.manual_seed(0)
    layer = TimeDelay(3, 4, 3, 2).eval()
    norm = layer.norm.norm
    torch.nn.init.uniform_(norm.running_mean)
    x = torch.randn(1, 9, 3)
    padded = functional.pad(x, (0, 0, 2, 2))  # (1, 13, 3)
    weight, bias = layer.convolution.weight, layer.convolution.bias  # (4, 3, 3), (4,)
    sums = sum(padded[:, 2 * k : 2 * k + 9] @ weight[:, :, k].T for k in range(3)) + bias
    expected = (sums.relu() - norm.running_mean) / (norm.running_var + norm.eps).sqrt()
    y = layer(Padded(x, torch.tensor([9])))
    torch.testing.assert_close(y.data, expected)


def test_training_statistics_are_of_valid_steps_alone() -> None:
    torch.manual_seed(0)
    layer = TimeDelay(3, 4).train()
    rows = [torch.randn(6, 3), torch.randn(2, 3)]
    layer(Padded.stack(rows))
    seen = layer.convolution(torch.cat(rows).T[None])[0].T.relu()  # (8, 4): a kernel of one step
    torch.testing.assert_close(layer.norm.norm.running_mean, 0.1 * seen.mean(0))
