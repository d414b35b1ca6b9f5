from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from rnnmm.nn.fitted import Fitted


def test_arrays_of_any_shape_come_back_from_a_file(tmp_path: Path) -> None:
    model, other = (nn.ModuleDict({"known": Fitted(["a", "b", "c"])}) for _ in range(2))
    found = {"a": np.random.default_rng(0).random((3, 2)), "b": np.array([1.0])}
    model["known"].keep(found)
    save_file(model.state_dict(), tmp_path / "weights")
    other.load_state_dict(load_file(tmp_path / "weights"))
    again = other["known"].arrays()
    assert again.keys() == found.keys()
    assert all(np.array_equal(again[name], found[name]) for name in found)


def test_weights_from_before_leave_them_empty() -> None:
    model = nn.ModuleDict({"layer": nn.Linear(2, 2), "known": Fitted(["a"])})
    model["known"].keep({"a": np.ones(3)})
    weights = {name: value for name, value in model.state_dict().items() if "known" not in name}
    model.load_state_dict(weights)
    assert model["known"].arrays() == {}
    with pytest.raises(RuntimeError, match=r"layer\.bias"):
        model.load_state_dict({"layer.weight": torch.zeros(2, 2)})
