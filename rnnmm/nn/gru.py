"""The GRU over a dense sequence on a CPU, forward and backward, in few and large products.

torch's own GRU leaves a node in the autograd graph for every gate of every step. Here the gates of
all steps are kept in a few tensors. The backward pass walks back through time with one product a
step; what does not depend on its neighbour in time is computed for a block of steps at once, small
enough for the cache.

Source:
    Cho et al. 2014, arXiv 1406.1078, in cuDNN's form, with the reset gate after the product:
    n = tanh(W x + b + r * (U h + c)). Checked against ``nn.GRU``.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from rnnmm.nn.affine import affine, cross_product

_BLOCK_BYTES = 2**17  # of one gate of one block of steps; measured


def gru(
    x: Sequence[Tensor], state: Tensor, weight_ih: Sequence[Tensor], weight_hh: Sequence[Tensor],
    bias_ih: Sequence[Tensor], bias_hh: Sequence[Tensor],
) -> Tensor:  # fmt: skip
    """Runs N layers side by side, such as the two directions of one: their steps are one product.

    Args:
        x: N of ``(B, T, F)``.
        state: ``(N, B, D)`` before the first step.
        weight_ih: N of ``(3 D, F)``, the rows of reset, update and new gate, as in ``nn.GRU``.
        weight_hh: N of ``(3 D, D)``.
        bias_ih: N of ``(3 D,)``.
        bias_hh: N of ``(3 D,)``.

    Returns:
        ``(N, B, T, D)``, the state after each step; differentiable once.
    """
    given = [affine(one.transpose(0, 1), *pair) for one, *pair in zip(x, weight_ih, bias_ih)]
    inputs = torch.stack(given, dim=1)  # (T, N, B, 3 D)
    weights, biases = torch.stack(list(weight_hh)), torch.stack(list(bias_hh))
    steps: Tensor = _Steps.apply(inputs, state, weights, biases)  # type: ignore[no-untyped-call]
    return steps.permute(1, 2, 0, 3)  # (N, B, T, D)


def is_gru_faster(x: Tensor) -> bool:
    """Whether `gru` beats torch's own: on a CPU, where a backward pass may follow."""
    return (
        x.device.type == "cpu"
        and x.numel() > 0
        and torch.is_grad_enabled()
        and not torch.is_autocast_enabled("cpu")
    )


class _Steps(torch.autograd.Function):
    """The part that runs through time: ``(T, N, B, 3 D)`` input gates -> ``(T, N, B, D)``."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, state: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        dim = state.shape[-1]
        hidden = torch.empty_like(inputs)  # U h + c of every step
        gates = torch.empty_like(inputs)  # r, z, n of every step
        states = inputs.new_empty(len(inputs), *state.shape)
        transposed = weight.transpose(1, 2).contiguous()  # (N, D, 3 D)
        before = state
        for given, product, gate, after in zip(inputs, hidden, gates, states):
            torch.baddbmm(bias[:, None], before, transposed, out=product)
            reset_update, new = gate[..., : 2 * dim], gate[..., 2 * dim :]
            torch.add(given[..., : 2 * dim], product[..., : 2 * dim], out=reset_update).sigmoid_()
            reset, update = reset_update[..., :dim], reset_update[..., dim:]
            torch.addcmul(given[..., 2 * dim :], reset, product[..., 2 * dim :], out=new).tanh_()
            before = torch.lerp(new, before, update, out=after)
        ctx.save_for_backward(hidden, gates, torch.cat([state[None], states]), weight)
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        hidden, gates, states, weight = ctx.saved_tensors  # states: one more, the first
        dim = weight.shape[-1]
        into_inputs = torch.empty_like(gates)
        into_hidden = torch.empty_like(gates)
        into_state = torch.zeros_like(states[0])
        size = max(1, _BLOCK_BYTES // (into_state.numel() * into_state.element_size()))
        for end in range(len(gates), 0, -size):
            block = slice(max(0, end - size), end)
            steps = slice(block.start, end + 1)
            slopes, to_new = _slopes(hidden[block], gates[block], states[steps])
            into_states = grads[0][block].contiguous().clone()  # (t, N, B, D)
            into_states[-1] += into_state
            into_state = _walk_back(
                into_states, slopes, gates[block, ..., dim : 2 * dim], weight, into_hidden[block]
            )
            into_inputs[block] = into_hidden[block]
            torch.mul(to_new, into_states, out=into_inputs[block, ..., 2 * dim :])
        rows = into_hidden.transpose(0, 1).flatten(1, 2)  # (N, T B, 3 D)
        before = states[:-1].transpose(0, 1).flatten(1, 2)  # (N, T B, D)
        into_weight = torch.stack([cross_product(*pair) for pair in zip(rows, before)])
        return into_inputs, into_state, into_weight, rows.sum(1)


def _slopes(hidden: Tensor, gates: Tensor, states: Tensor) -> tuple[Tensor, Tensor]:
    """How U h + c ``(t, N, B, 3, D)`` and the new gate's sum ``(t, N, B, D)`` move each state."""
    reset, update, new = gates.chunk(3, dim=-1)
    to_new = (1 - update) * (1 - new * new)
    to_reset = to_new * hidden.chunk(3, dim=-1)[2] * reset * (1 - reset)
    to_update = (states[:-1] - new) * update * (1 - update)
    return torch.stack([to_reset, to_update, to_new * reset], dim=-2), to_new


def _walk_back(
    into_states: Tensor, slopes: Tensor, update: Tensor, weight: Tensor, into_hidden: Tensor
) -> Tensor:
    """Completes the gradient of each state in place, last step first; returns the one before."""
    first = torch.zeros_like(into_states[0])
    for step in range(len(slopes) - 1, -1, -1):
        grad = into_states[step]
        torch.mul(slopes[step], grad[..., None, :], out=into_hidden[step].view(slopes[step].shape))
        earlier = into_states[step - 1] if step else first
        earlier.addcmul_(grad, update[step]).baddbmm_(into_hidden[step], weight)
    return first
