"""Numbers that are found after the training, and kept with the weights."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn


class Fitted(nn.Module):
    """Arrays whose shapes nobody knows before they are found; empty until then.

    Weights that were saved without them leave them empty.

    Args:
        names: of the arrays.
    """

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__()
        for name in names:
            self.register_buffer(name, torch.zeros(0, dtype=torch.float64))

    def keep(self, arrays: Mapping[str, NDArray[np.float64]]) -> None:
        """Takes arrays in, under names that are known."""
        for name, array in arrays.items():
            assert name in self._buffers
            self._buffers[name] = torch.from_numpy(np.array(array, np.float64, order="C"))

    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """All that were found, by name."""
        found = {name: value for name, value in self._buffers.items() if value is not None}
        return {name: value.cpu().numpy() for name, value in found.items() if value.numel()}

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        # PyTorch compares shapes before it copies: those of the file count.
        for name in self._buffers:
            found = state_dict.setdefault(prefix + name, torch.zeros(0, dtype=torch.float64))
            self._buffers[name] = torch.empty_like(found)
        super()._load_from_state_dict(state_dict, prefix, *rest)
