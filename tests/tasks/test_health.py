import logging
import math
from dataclasses import replace

import lightning.pytorch as pl
import pytest
import torch
from torch import nn

from rnnmm.batch import Padded
from rnnmm.models.ctc import CtcModel
from rnnmm.models.encoder import Crnn
from rnnmm.nn.recurrent import Recurrent
from rnnmm.tasks.health import (
    Gradients,
    GradientWatch,
    ills,
    layers_of,
    norms_by_layer,
    recurrent_layers,
    summarise_gradients,
)

pytestmark = pytest.mark.usefixtures("quiet_lightning")

WELL = Gradients(("front", "layers.0", "head"), (0.2, 0.1, 0.5), (1e-3, 1e-3, 1e-3), 0.6, 0.1, 0,
                 None, 100, 2, 1.0)  # fmt: skip


class Net(nn.Module):
    """A stack of recurrent layers and one score of its last step."""

    def __init__(self, scale: float = 1.0, num_layers: int = 1, **options) -> None:
        super().__init__()
        self.encoder = Recurrent(4, 8, num_layers, **options)
        self.head = nn.Linear(8, 1)
        with torch.no_grad():
            for name, value in self.encoder.named_parameters():
                if "weight" in name:
                    value.mul_(scale)


class Fit(pl.LightningModule):
    """Trains a net for a few steps an epoch on noise."""

    def __init__(self, model: Net, num_frames: int = 20, num_steps: int = 3) -> None:
        super().__init__()
        self.num_steps = num_steps
        torch.manual_seed(0)
        self.model = model
        self.x = Padded(torch.randn(4, num_frames, 4), torch.full((4,), num_frames))

    def train_dataloader(self):
        return torch.utils.data.DataLoader(torch.zeros(self.num_steps, 1))

    def training_step(self, batch, batch_idx):
        steps = self.model.encoder(self.x).data[:, -1]
        return self.model.head(steps).sub(1.0).square().mean()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=1e-3)


class Keep(pl.Callback):
    """What was logged."""

    def on_train_epoch_end(self, trainer, *_) -> None:
        self.seen = {name: float(value) for name, value in trainer.callback_metrics.items()}


def watch(fit: Fit, folder, epochs: int = 1) -> dict[str, float]:
    keep = Keep()
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=epochs, gradient_clip_val=1.0, logger=False,
        callbacks=[GradientWatch(), keep], enable_progress_bar=False, enable_checkpointing=False,
        enable_model_summary=False, default_root_dir=folder, log_every_n_steps=1,
    )  # fmt: skip
    trainer.fit(fit)
    return keep.seen


def warnings_of(caplog) -> list[str]:
    return [one.message for one in caplog.records if one.levelno == logging.WARNING]


def test_a_deep_plain_network_is_told_that_its_gradients_vanish(tmp_path, caplog) -> None:
    torch.manual_seed(0)
    seen = watch(Fit(Net(0.3, 10, cell="rnn_tanh")), tmp_path, epochs=2)
    assert seen["grad_norm/encoder.layers.0"] < 1e-4 * seen["grad_norm/head"]
    (message,) = warnings_of(caplog)  # once, not every epoch
    assert "epoch 1: gradients vanish on their way down: encoder.layers.0 gets" in message
    assert "of what head gets" in message and "residual=true" in message


def test_what_it_is_told_to_do_helps(tmp_path, caplog) -> None:
    torch.manual_seed(0)
    watch(Fit(Net(0.3, 10, cell="rnn_tanh", residual=True)), tmp_path)
    assert warnings_of(caplog) == []


def test_a_network_that_grows_is_told_that_its_gradients_explode(tmp_path, caplog) -> None:
    torch.manual_seed(0)
    seen = watch(Fit(Net(1.3, cell="rnn_relu")), tmp_path)
    assert seen["grad_clipped"] == 1.0 and seen["grad_norm"] > 10
    (message,) = warnings_of(caplog)
    assert "gradients explode: clipped in 100 % of the steps" in message
    assert "against trainer.gradient_clip=1, most of it in encoder.layers.0" in message


def test_a_network_that_overflows_is_told_where(tmp_path, caplog) -> None:
    torch.manual_seed(0)
    seen = watch(Fit(Net(2.0, cell="rnn_relu"), num_frames=200), tmp_path)
    assert seen["grad_broken"] == 3
    assert any(
        "infinite or no numbers in 3 of 3 steps, first in" in one for one in warnings_of(caplog)
    )


def test_a_gated_network_is_let_be(tmp_path, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    seen = watch(Fit(Net(num_layers=2, cell="gru")), tmp_path)
    assert warnings_of(caplog) == []
    assert "gradient norm" in caplog.text and "largest update" in caplog.text
    whole = math.hypot(*(value for name, value in seen.items() if name.startswith("grad_norm/")))
    assert seen["grad_norm"] == pytest.approx(whole, rel=0.1)


def test_figures_are_those_of_a_step_by_hand(tmp_path) -> None:
    torch.manual_seed(0)
    model = Net(num_layers=2)
    fit = Fit(model, num_steps=1)
    before = [value.detach().clone() for value in model.head.parameters()]
    fit.training_step(None, 0).backward()
    first = torch.cat([value.grad.flatten() for value in model.encoder.layers[0].parameters()])
    head = torch.cat([value.grad.flatten() for value in model.head.parameters()])
    total = torch.cat([value.grad.flatten() for value in model.parameters()]).norm()
    layers = layers_of(model)
    index = torch.arange(3).repeat_interleave(torch.tensor([4, 4, 2]))
    norms = norms_by_layer([one.grad for few in layers.values() for one in few], index, 3)
    torch.testing.assert_close(norms[[0, 2]], torch.stack([first.norm(), head.norm()]))
    torch.testing.assert_close(norms.norm(), total)
    model.zero_grad()
    seen = watch(fit, tmp_path)
    assert seen["grad_norm"] == pytest.approx(float(total))
    moved = (
        1e-3
        * head.norm()
        / total.clamp(min=1)
        / torch.cat([one.flatten() for one in before]).norm()
    )
    assert seen["update/head"] == pytest.approx(float(moved), rel=1e-3)


def test_recurrent_layers_stand_alone() -> None:
    model = CtcModel(Crnn(8, channels=(4, 4), hidden_dim=4, norm="layer"), 5)
    layers = layers_of(model)
    assert list(layers) == ["encoder.front", "encoder.recurrent.layers.0",
                            "encoder.recurrent.layers.1", "encoder.recurrent", "head"]  # fmt: skip
    assert recurrent_layers(model)[:2] == [
        "encoder.recurrent.layers.0", "encoder.recurrent.layers.0.forwards"]  # fmt: skip
    count = sum(len(layer) for layer in layers.values())
    assert count == len(list(model.parameters()))


def test_frozen_weights_are_no_layer() -> None:
    model = Net()
    model.head.requires_grad_(False)
    assert list(layers_of(model)) == ["encoder.layers.0"]


def test_what_got_no_gradient_counts_as_zeros() -> None:
    norms = norms_by_layer([None, torch.tensor([3.0, 4.0]), None], torch.tensor([0, 1, 1]), 2)
    assert norms.tolist() == [0.0, 5.0]


def test_steps_without_numbers_are_counted_and_left_out() -> None:
    norms = torch.tensor([[3.0, 4.0], [math.inf, 1.0], [6.0, 8.0], [3.0, 4.0]])
    seen = summarise_gradients(("low", "top"), norms, torch.empty(0, 2), 1, clip=7.0)
    assert (seen.broken, seen.origin, seen.num_steps) == (1, "low", 4)
    assert seen.norms == (3.0, 4.0) and seen.total == 5.0 and seen.clipped == 0.5
    assert all(math.isnan(size) for size in seen.updates)


def test_nothing_is_wrong_with_sound_numbers() -> None:
    assert ills(WELL) == {}
    assert ills(replace(WELL, clipped=1.0, total=5.0)) == {}  # clipped, and none the worse for it
    assert ills(replace(WELL, total=500.0, clip=None)) == {}
    assert ills(replace(WELL, norms=(0.2, 0.1, 1e-7))) == {}  # the head is not deep


@pytest.mark.parametrize(
    ("seen", "kind", "words"),
    [
        (replace(WELL, norms=(1e-6, 0.1, 0.5)), "vanishing", "front gets 2e-06 of what head gets"),
        (replace(WELL, norms=(0.2, 0.0, 0.5)), "vanishing", "layers.0 gets 0e\\+00 of what head"),
        (replace(WELL, clipped=0.95, total=60.0), "exploding", "in 95 % of the steps, their med"),
        (replace(WELL, broken=1, origin="head"), "broken", "in 1 of 100 steps, first in head"),
    ],
)
def test_each_ill_has_a_sentence(seen: Gradients, kind: str, words: str) -> None:
    found = ills(seen)
    assert list(found) == [kind]
    with pytest.raises(ValueError, match=words):
        raise ValueError(found[kind])


def test_a_scaled_loss_may_overflow_while_its_scale_is_found() -> None:
    scaled = replace(WELL, is_scaled=True, broken=16, origin="head")
    assert ills(scaled) == {} and "broken" in ills(replace(scaled, broken=17))


def test_half_an_epoch_travels_in_the_checkpoint() -> None:
    half, other = GradientWatch(), GradientWatch()
    half._norms, half._updates = [torch.tensor([1.0, 2.0])] * 3, [torch.tensor([0.1, 0.2])]
    half._said = ["vanishing"]
    other.load_state_dict(half.state_dict())
    assert torch.equal(other.state_dict()["norms"], torch.tensor([[1.0, 2.0]] * 3))
    assert other.state_dict()["said"] == ["vanishing"]
