"""The masked recurrent layer: exact on sequences of unequal length, without PackedSequence.

Padding stands on the right. The forward direction is exact on the valid steps as it stands,
because nothing valid comes after them. The backward direction reverses each sequence inside its
own length (one gather), runs forward, and reverses back. The result equals torch's layer on a
PackedSequence and never leaves the fast path for dense input.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from rnnmm.batch import Padded
from rnnmm.domain import Probability, Size
from rnnmm.nn.dropout import Dropout, Mask
from rnnmm.nn.gru import gru, is_gru_faster

Cell = Literal["lstm", "gru", "rnn_tanh", "rnn_relu"]
State = tuple[Tensor, ...]
"""One layer's state: ``(h,)``, or ``(h, c)`` for an LSTM, each ``(B, D)``."""


class Recurrent(nn.Module):
    """A stack of recurrent layers with dropout between them and an optional norm after each.

    Args:
        input_dim: F of the input.
        hidden_dim: D of one direction.
        num_layers: layers, each reading the one before.
        cell: the recurrence: LSTM, GRU, or a vanilla RNN with tanh or ReLU.
        bidirectional: also read every sequence from its own end; ``output_dim`` doubles.
        dropout: probability with which an input of a layer after the first is zeroed in training.
        norm: "layer" applies LayerNorm to each layer's output, step by step.
        residual: add to a layer's output what it was given, where both are of one size; a deep
            stack then has a way down for its gradients.
        dropout_mask: "step" drops from every step anew, "sequence" the same numbers from all
            steps of a sequence.
        weight_dropout: probability with which a recurrent weight is zeroed in training, the same
            for all steps of a batch.

    Source:
        Residual: Wu et al. 2016, arXiv 1609.08144, equation 6. One mask a sequence: Gal &
        Ghahramani 2016, arXiv 1512.05287. Weights: Merity et al. 2018, arXiv 1708.02182.
    """

    def __init__(  # noqa: PLR0913 one argument per axis of the design; no config object inside
        self,
        input_dim: Size,
        hidden_dim: Size,
        num_layers: Size = 1,
        cell: Cell = "lstm",
        bidirectional: bool = False,
        dropout: Probability = 0.0,
        norm: Literal["none", "layer"] = "none",
        residual: bool = False,
        dropout_mask: Mask = "step",
        weight_dropout: Probability = 0.0,
    ) -> None:
        super().__init__()
        self.output_dim = hidden_dim * (2 if bidirectional else 1)
        dims = [input_dim] + [self.output_dim] * (num_layers - 1)
        layer = Bidirectional if bidirectional else Unidirectional
        self.layers = nn.ModuleList(layer(dim, hidden_dim, cell, weight_dropout) for dim in dims)
        self.norms = nn.ModuleList(
            nn.LayerNorm(self.output_dim) if norm == "layer" else nn.Identity() for _ in dims
        )
        self.dropout = Dropout(dropout, dropout_mask)
        self.bidirectional = bidirectional
        self.residual = residual

    def forward(self, x: Padded) -> Padded:
        """``(B, T, F)`` -> ``(B, T, output_dim)``, zeros as padding."""
        x = x.zeroed()  # NaN in the padding would poison the weights' gradient through 0 * NaN
        for index, (layer, norm) in enumerate(zip(self.layers, self.norms)):
            given = x.data
            if index:
                x = x.with_data(self.dropout(given))
            x = x.with_data(self._joined(given, norm(layer(x).data)))
        return x.zeroed()

    def initial_state(self, batch_size: int) -> tuple[State, ...]:
        """The state before the first step: zeros, one `State` a layer."""
        return tuple(_causal(layer).initial_state(batch_size) for layer in self.layers)

    def step(self, x: Tensor, state: tuple[State, ...]) -> tuple[Tensor, tuple[State, ...]]:
        """Reads a chunk ``(B, T, F)`` of any length; chunks put together equal `forward`.

        Returns:
            ``(B, T, output_dim)`` and the state after the chunk: a value, never kept here.

        Raises:
            ValueError: The stack is bidirectional: it needs the end before it can begin.
        """
        if not x.shape[1]:
            return x.new_empty(len(x), 0, self.output_dim), state
        after = []
        for index, (layer, norm) in enumerate(zip(self.layers, self.norms)):
            y, layer_state = _causal(layer).step(self.dropout(x) if index else x, state[index])
            x = self._joined(x, norm(y))
            after.append(layer_state)
        return x, tuple(after)

    def _joined(self, given: Tensor, made: Tensor) -> Tensor:
        """What goes on from a layer."""
        return given + made if self.residual and given.shape == made.shape else made


class Unidirectional(nn.Module):
    """One layer that reads from left to right. Arguments as in `Recurrent`."""

    def __init__(
        self, input_dim: int, hidden_dim: int, cell: Cell = "lstm", weight_dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.recurrence = _recurrence(input_dim, hidden_dim, cell)
        self.weight_dropout = Dropout(weight_dropout)
        self.output_dim = hidden_dim

    def forward(self, x: Padded) -> Padded:
        """``(B, T, F)`` -> ``(B, T, D)``; steps in the padding are meaningless."""
        (y,) = _run([self], [x.data])
        return x.with_data(y)

    def initial_state(self, batch_size: int) -> State:
        """Zeros ``(B, D)``, two of them for an LSTM."""
        weight: Tensor = self.recurrence.weight_hh_l0  # type: ignore[assignment]
        zeros = weight.new_zeros(batch_size, self.output_dim)
        return (zeros, zeros) if isinstance(self.recurrence, nn.LSTM) else (zeros,)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Reads a chunk ``(B, T, F)`` from ``state``; returns outputs and the state after it."""
        hidden = tuple(part[None].contiguous() for part in state)  # (1, B, D): torch's layout
        is_lstm = isinstance(self.recurrence, nn.LSTM)
        y, after = self.recurrence(x, hidden if is_lstm else hidden[0])
        return y, tuple(part[0] for part in (after if is_lstm else (after,)))

    def weights(self) -> list[Tensor]:
        """``weight_ih``, ``weight_hh``, ``bias_ih`` and ``bias_hh`` as this batch sees them."""
        weight_ih, weight_hh, *biases = self.recurrence.all_weights[0]
        return [weight_ih, self.weight_dropout(weight_hh), *biases]


class Bidirectional(nn.Module):
    """One layer that reads each sequence from both its ends. Arguments as in `Recurrent`."""

    def __init__(
        self, input_dim: int, hidden_dim: int, cell: Cell = "lstm", weight_dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.forwards = Unidirectional(input_dim, hidden_dim, cell, weight_dropout)
        self.backwards = Unidirectional(input_dim, hidden_dim, cell, weight_dropout)
        self.output_dim = 2 * hidden_dim

    def forward(self, x: Padded) -> Padded:
        """``(B, T, F)`` -> ``(B, T, 2 D)``: left-to-right first, then right-to-left."""
        ahead, back = _run([self.forwards, self.backwards], [x.data, reverse(x).data])
        back = reverse(x.with_data(back)).data
        return x.with_data(torch.cat([ahead, back], dim=-1))  # (B, T, 2 D)


def _run(layers: Sequence[Unidirectional], x: Sequence[Tensor]) -> Sequence[Tensor]:
    """Runs layers of one kind, each over its own ``(B, T, F)``, all from a state of zeros."""
    if isinstance(layers[0].recurrence, nn.GRU) and is_gru_faster(x[0]):
        state = x[0].new_zeros(len(layers), len(x[0]), layers[0].output_dim)
        return gru(x, state, *zip(*(layer.weights() for layer in layers))).unbind()
    if layers[0].training and layers[0].weight_dropout.probability:
        return [_run_on(layer, one) for layer, one in zip(layers, x)]
    return [layer.recurrence(one)[0] for layer, one in zip(layers, x)]


def _run_on(layer: Unidirectional, x: Tensor) -> Tensor:
    """``(B, T, D)`` by the weights of this batch, which torch's modules cannot be given."""
    hidden = [part[None] for part in layer.initial_state(len(x))]  # (1, B, D)
    weights = layer.weights()
    # With biases, one layer, its own dropout of 0 in training, one way, batch first.
    options = (True, 1, 0.0, True, False, True)
    if isinstance(layer.recurrence, nn.LSTM):
        return torch.lstm(x, hidden, weights, *options)[0]
    if isinstance(layer.recurrence, nn.GRU):
        return torch.gru(x, hidden[0], weights, *options)[0]
    run = torch.rnn_relu if layer.recurrence.nonlinearity == "relu" else torch.rnn_tanh
    return run(x, hidden[0], weights, *options)[0]


def reverse(x: Padded) -> Padded:
    """Reverses each sequence inside its own length; padding stays where it is."""
    batch, steps = x.data.shape[:2]
    if x.is_dense:
        return x.with_data(x.data.flip(1))
    step = torch.arange(steps)
    mirrored = x.lengths[:, None] - 1 - step  # (B, T)
    source = torch.where(mirrored >= 0, mirrored, step)
    flat = (source + steps * torch.arange(batch)[:, None]).reshape(-1)  # (B T,)
    rows = x.data.reshape(batch * steps, -1).index_select(0, flat.to(x.data.device))
    return x.with_data(rows.reshape(x.data.shape))


def from_torch_state(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Names a state dict of ``nn.LSTM``, ``nn.GRU`` or ``nn.RNN`` as `Recurrent` does.

    Args:
        state_dict: keys like ``weight_ih_l0`` and ``weight_ih_l0_reverse``, any number of layers.

    Returns:
        The same tensors, ready for ``Recurrent.load_state_dict`` (of a stack without norms).
    """
    is_bidirectional = any(name.endswith("_reverse") for name in state_dict)
    renamed = {}
    for name, value in state_dict.items():
        kind, layer = name.removesuffix("_reverse").rsplit("_l", 1)
        direction = "backwards." if name.endswith("_reverse") else "forwards."
        middle = direction if is_bidirectional else ""
        renamed[f"layers.{layer}.{middle}recurrence.{kind}_l0"] = value
    return renamed


def to_torch_state(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The inverse of `from_torch_state`; norms, which torch's layers lack, are left out."""
    renamed = {}
    for name, value in state_dict.items():
        if "recurrence" not in name:
            continue
        parts = name.split(".")
        suffix = "_reverse" if "backwards" in parts else ""
        renamed[f"{parts[-1].removesuffix('_l0')}_l{parts[1]}{suffix}"] = value
    return renamed


def _causal(layer: nn.Module) -> Unidirectional:
    if not isinstance(layer, Unidirectional):
        raise ValueError(
            "Recurrent: a bidirectional stack cannot run step by step, it needs the end of the "
            "sequence first; build it with bidirectional=false"
        )
    return layer


def _recurrence(input_dim: int, hidden_dim: int, cell: Cell) -> nn.LSTM | nn.GRU | nn.RNN:
    layer: nn.LSTM | nn.GRU | nn.RNN
    if cell == "lstm":
        layer = nn.LSTM(input_dim, hidden_dim, batch_first=True)
    elif cell == "gru":
        layer = nn.GRU(input_dim, hidden_dim, batch_first=True)
    elif cell in ("rnn_tanh", "rnn_relu"):
        nonlinearity = cell.removeprefix("rnn_")
        layer = nn.RNN(input_dim, hidden_dim, batch_first=True, nonlinearity=nonlinearity)
    else:
        raise ValueError(f"cell: expected lstm, gru, rnn_tanh or rnn_relu, got {cell!r}")
    _initialise(layer, hidden_dim)
    return layer


def _initialise(layer: nn.LSTM | nn.GRU | nn.RNN, hidden_dim: int) -> None:
    """Orthogonal recurrence, Glorot inputs, an LSTM that remembers from the start.

    A ReLU recurrence starts as the identity (Le et al. 2015, arXiv 1504.00941).
    """
    is_relu = isinstance(layer, nn.RNN) and layer.nonlinearity == "relu"
    weights = {name: value.detach() for name, value in layer.named_parameters()}
    for block in torch.split(weights["weight_hh_l0"], hidden_dim):
        nn.init.eye_(block) if is_relu else nn.init.orthogonal_(block)
    for block in torch.split(weights["weight_ih_l0"], hidden_dim):
        nn.init.xavier_uniform_(block)
    weights["bias_ih_l0"].zero_()
    weights["bias_hh_l0"].zero_()
    if isinstance(layer, nn.LSTM):
        weights["bias_ih_l0"][hidden_dim : 2 * hidden_dim] = 1.0  # the forget gate
