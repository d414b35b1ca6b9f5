import pytest
import torch

from rnnmm.tasks.optimisation import AdamW


def test_the_rate_rises_and_falls() -> None:
    optim = AdamW(learning_rate=1.0, warmup=0.1)
    rates = [optim.rate_at(progress / 100) for progress in range(101)]
    assert rates[0] == 0
    assert rates[5] == pytest.approx(0.5)
    assert max(rates) == rates[10] == 1
    assert rates[55] == pytest.approx(0.5)
    assert rates[100] == pytest.approx(0)
    assert AdamW(learning_rate=1.0, decay="none").rate_at(0.9) == 1


def test_biases_norms_and_embeddings_do_not_decay() -> None:
    model = torch.nn.ModuleDict(
        {"embedding": torch.nn.Embedding(3, 4), "linear": torch.nn.Linear(4, 2)}
    )
    optimiser = AdamW(weight_decay=0.3).make(model.named_parameters())
    decayed, plain = optimiser.param_groups
    assert [p.shape for p in decayed["params"]] == [(2, 4)]
    assert len(plain["params"]) == 2
    assert (decayed["weight_decay"], plain["weight_decay"]) == (0.3, 0.0)


def test_frozen_parameters_are_left_out() -> None:
    layer = torch.nn.Linear(2, 2).requires_grad_(False)
    layer.bias.requires_grad_()
    groups = AdamW().make(layer.named_parameters()).param_groups
    assert [len(group["params"]) for group in groups] == [0, 1]


class Video(torch.nn.Module):
    """Named as a task names its parts."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = torch.nn.ModuleDict(
            {"frame_encoder": torch.nn.Linear(2, 2), "recurrent": torch.nn.Linear(2, 2)}
        )


def test_a_module_has_a_rate_of_its_own() -> None:
    model = Video()
    optim = AdamW(learning_rate=1.0, warmup=0.5, decay="none", factors={"frame_encoder": 0.1})
    optimiser = optim.make(model.named_parameters())
    optim.set_rate(optimiser, progress=0.25)
    rates = {id(p): group["lr"] for group in optimiser.param_groups for p in group["params"]}
    assert {rates[id(p)] for p in model.encoder["frame_encoder"].parameters()} == {0.05}
    assert {rates[id(p)] for p in model.encoder["recurrent"].parameters()} == {0.5}
    decays = {id(p): g["weight_decay"] for g in optimiser.param_groups for p in g["params"]}
    layer = model.encoder["frame_encoder"]
    assert (decays[id(layer.weight)], decays[id(layer.bias)]) == (0.01, 0.0)


def test_the_innermost_module_decides() -> None:
    optim = AdamW(factors={"encoder.recurrent": 0.5, "encoder": 0.2})
    groups = optim.make(Video().named_parameters()).param_groups
    assert {group["factor"]: len(group["params"]) for group in groups if group["params"]} == {
        0.2: 1,
        0.5: 1,
    }


@pytest.mark.parametrize("name", ["backbone", "frame", "weight"])
def test_a_factor_without_effect_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"name of a module with .* to train in it, got '{name}'"):
        AdamW(factors={name: 0.1}).make(Video().named_parameters())


def test_an_optimiser_saved_before_there_were_factors_goes_on() -> None:
    optim, layer = AdamW(learning_rate=1.0, warmup=0.0, decay="none"), torch.nn.Linear(2, 2)
    optimiser = optim.make(layer.named_parameters())
    state = optimiser.state_dict()
    for group in state["param_groups"]:
        del group["factor"]
    optimiser.load_state_dict(state)
    optim.set_rate(optimiser, progress=0.5)
    assert [group["lr"] for group in optimiser.param_groups] == [1.0, 1.0]
