"""P6: our recurrent layer on sequences of unequal length, against torch's on a PackedSequence."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rnnmm.batch import Padded
from rnnmm.bench.row import Row, lower_wins
from rnnmm.bench.timing import interleaved
from rnnmm.nn.recurrent import Cell, Recurrent, from_torch_state

STEPS = (10, 25, 50, 100, 200, 400, 800)
_GRU_STEPS = (50, 200)
_BATCH = 16
_DIM = 256
_LAYERS = 2
_TOLERANCE = 1e-5


def measure(device: torch.device) -> list[Row]:
    """Forward and backward of two bidirectional layers, lengths from half of T to T."""
    rows = [_compare("lstm", steps, device) for steps in STEPS]
    rows += [_compare("gru", steps, device) for steps in _GRU_STEPS]
    return rows + [_equality(cell, device) for cell in ("lstm", "gru")]


def spread_lengths(steps: int, count: int = _BATCH) -> Tensor:
    """``(count,)`` lengths from half of ``steps`` to all of them, in no order of length."""
    lengths = torch.linspace(max(1, steps // 2), steps, count).round().long()
    return lengths[torch.randperm(count, generator=torch.Generator().manual_seed(0))]


def _compare(cell: Cell, steps: int, device: torch.device) -> Row:
    x, ours, theirs = _layers(cell, steps, device)
    seconds = interleaved([
        lambda: _backward(ours.forward, x, ours),
        lambda: _backward(lambda padded: run_packed(theirs, padded), x, theirs),
    ])  # fmt: skip
    name = f"Bi{cell.upper()}-{_DIM} x {_LAYERS}, batch {_BATCH}, T = {steps}"
    goal = 10.0 if cell == "lstm" and steps == max(STEPS) else 1.0
    return lower_wins("P6", name, "s", seconds[0], "PackedSequence", seconds[1], goal)


def _equality(cell: Cell, device: torch.device) -> Row:
    """Outputs and every gradient of the two layers; the largest difference of all."""
    x, ours, theirs = _layers(cell, 60, device)
    mine, other = ours.forward(x).data, run_packed(theirs, x).data
    weight = torch.randn_like(mine)
    pairs = [(mine, other)]
    named = dict(ours.named_parameters())
    for name, value in from_torch_state(dict(theirs.named_parameters())).items():
        (gradient,) = torch.autograd.grad((mine * weight).sum(), named[name], retain_graph=True)
        (wanted,) = torch.autograd.grad((other * weight).sum(), value, retain_graph=True)
        pairs.append((gradient / wanted.abs().max(), wanted / wanted.abs().max()))
    worst = max(float((one - two).detach().abs().max()) for one, two in pairs)
    return lower_wins("P6", f"{cell.upper()}: largest difference, outputs and gradients",
                      "of the range", worst, "allowed", _TOLERANCE, 1.0)  # fmt: skip


def run_packed(layer: nn.LSTM | nn.GRU, x: Padded) -> Padded:
    """What users write: pack, run, pad again."""
    packed = pack_padded_sequence(x.data, x.lengths, batch_first=True, enforce_sorted=False)
    data, _ = pad_packed_sequence(layer(packed)[0], batch_first=True)
    return x.with_data(data)


def _layers(cell: Cell, steps: int, device: torch.device) -> tuple[Padded, Recurrent, nn.LSTM]:
    torch.manual_seed(0)
    lengths = spread_lengths(steps)
    x = Padded(torch.randn(_BATCH, int(lengths.max()), _DIM, device=device), lengths)
    layer = nn.LSTM if cell == "lstm" else nn.GRU
    theirs = layer(_DIM, _DIM, _LAYERS, batch_first=True, bidirectional=True).to(device)
    ours = Recurrent(_DIM, _DIM, _LAYERS, cell, bidirectional=True).to(device)
    ours.load_state_dict(from_torch_state(theirs.state_dict()))
    return x, ours, theirs  # type: ignore[return-value]


def _backward(run: Callable[[Padded], Padded], x: Padded, layer: nn.Module) -> None:
    layer.zero_grad()
    torch.autograd.backward(run(x).data.sum())
