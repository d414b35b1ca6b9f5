import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from rnnmm.batch import Padded
from rnnmm.nn.recurrent import Recurrent, from_torch_state, reverse, to_torch_state

CELLS = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn_tanh": nn.RNN, "rnn_relu": nn.RNN}


def make_pair(cell: str, bidirectional: bool) -> tuple[nn.Module, Recurrent]:
    options = {"nonlinearity": "relu"} if cell == "rnn_relu" else {}
    torch.manual_seed(0)
    theirs = CELLS[cell](5, 7, 2, batch_first=True, bidirectional=bidirectional, **options)
    ours = Recurrent(5, 7, 2, cell, bidirectional)
    ours.load_state_dict(from_torch_state(theirs.state_dict()))
    return theirs, ours


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_equals_torch_on_packed_sequences(cell: str, bidirectional: bool) -> None:
    theirs, ours = make_pair(cell, bidirectional)
    x = Padded(torch.randn(4, 30, 5), torch.tensor([30, 3, 17, 1]))
    packed = nn.utils.rnn.pack_padded_sequence(
        x.data, x.lengths, batch_first=True, enforce_sorted=False
    )
    expected, _ = nn.utils.rnn.pad_packed_sequence(theirs(packed)[0], batch_first=True)
    torch.testing.assert_close(ours(x).data, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_gradients_equal_torch_on_packed_sequences(cell: str, bidirectional: bool) -> None:
    theirs, ours = make_pair(cell, bidirectional)
    x = Padded(torch.randn(3, 9, 5), torch.tensor([9, 2, 6]))
    packed = nn.utils.rnn.pack_padded_sequence(
        x.data, x.lengths, batch_first=True, enforce_sorted=False
    )
    nn.utils.rnn.pad_packed_sequence(theirs(packed)[0], batch_first=True)[
        0
    ].square().sum().backward()
    ours(x).data.square().sum().backward()
    expected = from_torch_state({name: p.grad for name, p in theirs.named_parameters()})
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_state_dicts_convert_both_ways(bidirectional: bool) -> None:
    theirs, ours = make_pair("gru", bidirectional)
    back = to_torch_state(ours.state_dict())
    assert back.keys() == theirs.state_dict().keys()
    assert all(torch.equal(back[name], value) for name, value in theirs.state_dict().items())


@pytest.mark.parametrize("cell", CELLS)
@given(cuts=st.lists(st.integers(1, 11), max_size=4))
def test_steps_equal_forward_at_any_chunking(cell: str, cuts: list[int]) -> None:
    torch.manual_seed(0)
    layer = Recurrent(5, 7, 2, cell, norm="layer").eval()
    x = torch.randn(3, 12, 5)
    state, outputs = layer.initial_state(3), []
    for chunk in x.tensor_split(sorted({*cuts}), dim=1):
        y, state = layer.step(chunk, state)
        outputs.append(y)
    whole = layer(Padded(x, torch.full((3,), 12))).data
    torch.testing.assert_close(torch.cat(outputs, dim=1), whole, atol=1e-6, rtol=1e-5)


def test_a_state_is_a_value_that_can_be_used_twice() -> None:
    layer = Recurrent(5, 7).eval()
    state = layer.initial_state(1)
    x = torch.randn(1, 4, 5)
    first, _ = layer.step(x, state)
    second, _ = layer.step(x, state)
    assert torch.equal(first, second)


def test_a_bidirectional_stack_refuses_to_step() -> None:
    layer = Recurrent(5, 7, bidirectional=True)
    with pytest.raises(ValueError, match="bidirectional=false"):
        layer.initial_state(1)


def test_an_unknown_cell_is_refused() -> None:
    with pytest.raises(ValueError, match="expected lstm, gru, rnn_tanh or rnn_relu, got 'sru'"):
        Recurrent(5, 7, cell="sru")  # type: ignore[arg-type]


def test_reverse_turns_each_sequence_inside_its_length() -> None:
    x = Padded(torch.arange(8).reshape(2, 4, 1), torch.tensor([4, 2]))
    assert reverse(x).data.squeeze(-1).tolist() == [[3, 2, 1, 0], [5, 4, 6, 7]]
    assert torch.equal(reverse(reverse(x)).data, x.data)


def test_dropout_lies_between_the_layers_alone() -> None:
    torch.manual_seed(0)
    one, two = Recurrent(5, 7, 1, dropout=0.9), Recurrent(5, 7, 2, dropout=0.9)
    x = Padded(torch.randn(2, 6, 5), torch.tensor([6, 6]))
    assert torch.equal(one(x).data, one(x).data)
    assert not torch.equal(two(x).data, two(x).data)
