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
@given(cuts=st.lists(st.integers(0, 12), max_size=4))  # a chunk may have no step
def test_steps_equal_forward_at_any_chunking(cell: str, cuts: list[int]) -> None:
    torch.manual_seed(0)
    layer = Recurrent(
        5, 7, 2, cell, dropout=0.5, norm="layer", residual=True, dropout_mask="sequence",
        weight_dropout=0.5,
    ).eval()  # fmt: skip
    x = torch.randn(3, 12, 5)
    state, outputs = layer.initial_state(3), []
    for chunk in x.tensor_split(sorted(cuts), dim=1):
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


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_what_is_not_asked_for_changes_no_bit(cell: str, bidirectional: bool) -> None:
    """Layer by layer as torch has it, with one mask a step between: nothing else is computed."""
    torch.manual_seed(0)
    stack = Recurrent(5, 7, 2, cell, bidirectional, 0.5, "layer")
    x = Padded(torch.randn(2, 9, 5), torch.tensor([9, 4])).zeroed()
    torch.manual_seed(1)
    found = stack(x)
    torch.manual_seed(1)
    first = stack.norms[0](stack.layers[0](x).data)
    second = stack.layers[1](x.with_data(stack.dropout(first)))
    assert torch.equal(found.data, second.with_data(stack.norms[1](second.data)).zeroed().data)
    cured = Recurrent(5, 7, 2, cell, bidirectional, 0.5, "layer", True, "sequence", 0.5)
    assert list(cured.state_dict()) == list(stack.state_dict())


def test_a_residual_adds_what_a_layer_was_given_where_sizes_allow() -> None:
    torch.manual_seed(0)
    plain, residual = Recurrent(5, 7, 2), Recurrent(5, 7, 2, residual=True)
    residual.load_state_dict(plain.state_dict())
    x = Padded(torch.randn(2, 6, 5), torch.tensor([6, 6]))
    first = plain.layers[0](x).data
    torch.testing.assert_close(residual(x).data, plain(x).data + first)
    same = Recurrent(5, 5, residual=True)
    torch.testing.assert_close(same(x).data, x.data + same.layers[0](x).data)


def test_a_residual_keeps_gradients_alive_in_a_deep_stack() -> None:
    """The ill it is there to cure: of a plain stack the first layer is hardly told anything."""
    share = []
    for residual in (False, True):
        torch.manual_seed(0)
        stack = Recurrent(8, 8, 16, "rnn_tanh", residual=residual)
        with torch.no_grad():
            for parameter in stack.parameters():
                parameter.mul_(0.3)
        stack(Padded(torch.randn(4, 9, 8), torch.full((4,), 9))).data.sum().backward()
        first, last = (layer.recurrence.bias_ih_l0.grad.norm() for layer in
                       (stack.layers[0], stack.layers[-1]))  # fmt: skip
        share.append(float(first / last))
    assert share[0] < 1e-4 < 0.1 < share[1]


def test_one_mask_a_sequence_lies_between_the_layers() -> None:
    torch.manual_seed(0)
    stack = Recurrent(5, 7, 2, dropout=0.5, dropout_mask="sequence")
    stack.layers[1] = nn.Identity()
    x = Padded(torch.randn(2, 6, 5), torch.tensor([6, 6]))
    is_zero = stack(x).data == 0
    assert torch.equal(is_zero, is_zero[:, :1].expand_as(is_zero)) and is_zero.any()


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_dropped_weights_are_the_same_at_every_step(cell: str, bidirectional: bool) -> None:
    torch.manual_seed(0)
    layer = Recurrent(5, 7, 1, cell, bidirectional, weight_dropout=0.5)
    plain = Recurrent(5, 7, 1, cell, bidirectional)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_(std=0.3)
    x = Padded(torch.randn(2, 9, 5), torch.tensor([9, 4]))
    torch.manual_seed(1)
    found = layer(x).data
    torch.manual_seed(1)
    state = layer.state_dict()
    dropped = dict(state)
    single = [one for one in layer.modules() if hasattr(one, "weight_dropout")]
    for prefix, one in zip(("forwards.", "backwards.") if bidirectional else ("",), single):
        name = f"layers.0.{prefix}recurrence.weight_hh_l0"
        dropped[name] = one.weight_dropout(state[name])
        assert (dropped[name] == 0).float().mean() == pytest.approx(0.5, abs=0.2)
    plain.load_state_dict(dropped)
    torch.testing.assert_close(found, plain(x).data)
    assert not torch.equal(layer(x).data, found)


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_reach_the_weights_that_were_not_dropped_alone(cell: str) -> None:
    torch.manual_seed(0)
    layer = Recurrent(5, 7, 1, cell, weight_dropout=0.5)
    weight = layer.layers[0].recurrence.weight_hh_l0
    with torch.no_grad():
        weight.normal_(std=0.1)
    x = Padded(torch.randn(8, 9, 5), torch.full((8,), 9))
    torch.manual_seed(1)
    layer(x).data.square().sum().backward()
    torch.manual_seed(1)
    is_kept = layer.layers[0].weight_dropout(torch.ones_like(weight)) != 0
    assert torch.equal(weight.grad != 0, is_kept)
