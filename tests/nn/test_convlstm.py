import pytest
import torch

from rnnmm.batch import Padded
from rnnmm.nn.convlstm import ConvLstm


def test_on_maps_of_one_cell_it_is_torchs_lstm() -> None:
    torch.manual_seed(0)
    layer, lstm = ConvLstm(5, 4, kernel_size=1), torch.nn.LSTM(5, 4, batch_first=True)
    cell = layer.forwards
    with torch.no_grad():
        lstm.weight_ih_l0.copy_(cell.input_maps.weight.flatten(1))
        lstm.weight_hh_l0.copy_(cell.hidden_maps.weight.flatten(1))
        lstm.bias_ih_l0.copy_(cell.input_maps.bias)
        lstm.bias_hh_l0.zero_()
    x = torch.randn(2, 7, 5)
    maps = layer(Padded(x[..., None, None], torch.tensor([7, 7])))
    torch.testing.assert_close(maps.data[..., 0, 0], lstm(x)[0])


def test_a_neighbour_is_seen_one_kernel_further_each_step() -> None:
    torch.manual_seed(0)
    layer = ConvLstm(1, 2)
    x = torch.zeros(1, 4, 1, 1, 9)
    x[0, 0, 0, 0, 0] = 1.0  # the left end, in the first frame alone
    lengths = torch.tensor([4])
    moved = layer(Padded(x, lengths)).data - layer(Padded(torch.zeros_like(x), lengths)).data
    reached = [int(step.abs().sum(dim=(0, 1)).nonzero().max()) for step in moved[0]]
    assert reached == [1, 2, 3, 4]


@pytest.mark.parametrize("chunks", [(6,), (1, 5), (0, 2, 0, 4), (1, 1, 1, 1, 1, 1)])
def test_steps_put_together_are_forward(chunks: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    layer = ConvLstm(3, 4)
    x = torch.randn(2, 6, 3, 5, 4)
    state, outputs = layer.initial_state(2, 5, 4), []
    for chunk in x.split(chunks, dim=1):
        y, state = layer.step(chunk, state)
        outputs.append(y)
    expected = layer(Padded(x, torch.tensor([6, 6]))).data
    torch.testing.assert_close(torch.cat(outputs, dim=1), expected)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_padding_changes_nothing_and_comes_out_as_zeros(bidirectional: bool) -> None:
    torch.manual_seed(0)
    layer = ConvLstm(3, 4, bidirectional=bidirectional)
    x = torch.randn(2, 6, 3, 5, 4)
    x[1, 2:] = torch.nan
    y = layer(Padded(x, torch.tensor([6, 2]))).data
    assert y.shape == (2, 6, layer.output_dim, 5, 4)
    alone = layer(Padded(x[1:, :2], torch.tensor([2]))).data
    torch.testing.assert_close(y[1:, :2], alone)
    assert not y[1, 2:].any()


def test_both_ends_are_read() -> None:
    torch.manual_seed(0)
    layer = ConvLstm(2, 3, bidirectional=True)
    layer.backwards.load_state_dict(layer.forwards.state_dict())
    x, lengths = torch.randn(1, 5, 2, 4, 4), torch.tensor([5])
    ahead, back = layer(Padded(x, lengths)).data.chunk(2, dim=2)
    mirrored, _ = layer(Padded(x.flip(1), lengths)).data.chunk(2, dim=2)
    torch.testing.assert_close(back, mirrored.flip(1))
    assert not torch.allclose(ahead, back)


def test_faults_are_named() -> None:
    with pytest.raises(ValueError, match="expected an odd kernel_size, got 4"):
        ConvLstm(1, 1, 4)
    layer = ConvLstm(1, 1, bidirectional=True)
    with pytest.raises(ValueError, match="bidirectional layer cannot run step by step"):
        layer.step(torch.zeros(1, 1, 1, 2, 2), layer.initial_state(1, 2, 2))
