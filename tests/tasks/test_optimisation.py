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
