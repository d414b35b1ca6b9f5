"""The LSTM whose state is a map: what moves keeps its place while it is remembered."""

import torch
from torch import Tensor, nn

from rnnmm.batch import Padded
from rnnmm.domain import Size
from rnnmm.nn.recurrent import State, reverse


class ConvLstm(nn.Module):
    """A layer that reads a clip of feature maps, in time order or from both ends.

    As in `rnnmm.nn.recurrent`, padding stands on the right and never changes a valid map.

    Args:
        input_dim: D of the maps.
        hidden_dim: channels of one direction's state.
        kernel_size: of both convolutions, odd; the maps keep their size.
        bidirectional: also read every clip from its own end; ``output_dim`` doubles.

    Raises:
        ValueError: The kernel is even: it has no middle.

    Source:
        Shi et al. 2015, arXiv 1506.04214, equation 3, without peepholes.
    """

    def __init__(
        self,
        input_dim: Size,
        hidden_dim: Size,
        kernel_size: Size = 3,
        bidirectional: bool = False,
    ) -> None:
        super().__init__()
        if kernel_size % 2 == 0:
            raise ValueError(f"ConvLstm: expected an odd kernel_size, got {kernel_size}")
        self.forwards = ConvLstmCell(input_dim, hidden_dim, kernel_size)
        self.backwards = (
            ConvLstmCell(input_dim, hidden_dim, kernel_size) if bidirectional else None
        )
        self.output_dim = hidden_dim * (2 if bidirectional else 1)

    def forward(self, x: Padded) -> Padded:
        """``(B, T, D, h, w)`` -> ``(B, T, output_dim, h, w)``, zeros as padding."""
        x = x.zeroed()  # NaN in the padding would poison the weights' gradient through 0 * NaN
        batch_size, _, _, height, width = x.data.shape
        state = self.forwards.initial_state(batch_size, height, width)
        y, _ = self.forwards.step(x.data, state)
        if self.backwards is not None:
            back, _ = self.backwards.step(reverse(x).data, state)
            y = torch.cat([y, reverse(x.with_data(back)).data], dim=2)  # (B, T, 2 D, h, w)
        return x.with_data(y).zeroed()

    def initial_state(self, batch_size: int, height: int, width: int) -> State:
        """The state before the first map: zeros."""
        return self.forwards.initial_state(batch_size, height, width)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Reads a chunk ``(B, T, D, h, w)`` of any length; chunks put together equal `forward`.

        Returns:
            ``(B, T, hidden_dim, h, w)`` and the state after the chunk: a value, never kept here.

        Raises:
            ValueError: The layer is bidirectional: it needs the end before it can begin.
        """
        if self.backwards is not None:
            raise ValueError(
                "ConvLstm: a bidirectional layer cannot run step by step, it needs the end of the "
                "clip first; build it with bidirectional=false"
            )
        if not x.shape[1]:
            return x.new_empty(len(x), 0, self.output_dim, *x.shape[3:]), state
        return self.forwards.step(x, state)


class ConvLstmCell(nn.Module):
    """The recurrence in one direction. Arguments as in `ConvLstm`."""

    def __init__(self, input_dim: int, hidden_dim: int, kernel_size: int) -> None:
        super().__init__()
        padding = kernel_size // 2
        self.hidden_dim = hidden_dim
        # The four gates are rows of one kernel: input, forget, new, output, as in nn.LSTM.
        self.input_maps = nn.Conv2d(input_dim, 4 * hidden_dim, kernel_size, padding=padding)
        self.hidden_maps = nn.Conv2d(
            hidden_dim, 4 * hidden_dim, kernel_size, padding=padding, bias=False
        )
        assert self.input_maps.bias is not None
        nn.init.xavier_uniform_(self.input_maps.weight)
        nn.init.orthogonal_(self.hidden_maps.weight)
        nn.init.zeros_(self.input_maps.bias)
        nn.init.ones_(self.input_maps.bias[hidden_dim : 2 * hidden_dim])  # the forget gate

    def initial_state(self, batch_size: int, height: int, width: int) -> State:
        """Zeros ``(B, D, h, w)``: what is shown, and what is remembered."""
        zeros = self.hidden_maps.weight.new_zeros(batch_size, self.hidden_dim, height, width)
        return zeros, zeros

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Reads ``(B, T, D, h, w)`` from ``state``; returns hidden maps and the state after."""
        seen = self.input_maps(x.flatten(0, 1)).unflatten(0, x.shape[:2])  # (B, T, 4 D, h, w)
        hidden, cell = state
        outputs = []
        for one in seen.unbind(dim=1):
            read, forget, new, show = (one + self.hidden_maps(hidden)).chunk(4, dim=1)
            cell = forget.sigmoid() * cell + read.sigmoid() * new.tanh()
            hidden = show.sigmoid() * cell.tanh()
            outputs.append(hidden)
        return torch.stack(outputs, dim=1), (hidden, cell)  # (B, T, D, h, w)
