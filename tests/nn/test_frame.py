from pathlib import Path
from urllib.error import URLError

import pytest
import torch
import torchvision
from safetensors.torch import save_file

from rnnmm.nn.frame import DepthwiseCnn, PlainCnn, PooledCnn, TorchvisionBackbone


@pytest.mark.parametrize("kind", [PlainCnn, DepthwiseCnn, PooledCnn])
def test_each_stage_halves_the_picture(kind: type) -> None:
    encoder = kind(3, (4, 8, 12)).eval()
    assert encoder(torch.zeros(2, 3, 40, 64)).shape == (2, encoder.output_dim, 5, 8)


@pytest.mark.parametrize(
    "name", ["resnet18", "mobilenet_v3_small", "shufflenet_v2_x0_5", "alexnet"]
)
def test_backbones_give_maps_of_the_size_they_say(name: str) -> None:
    encoder = TorchvisionBackbone(3, name).eval()
    maps = encoder(torch.zeros(1, 3, 96, 96))
    assert maps.ndim == 4
    assert maps.shape[1] == encoder.output_dim
    assert min(maps.shape[2:]) > 1


@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
def test_weights_come_from_a_file(tmp_path: Path, suffix: str) -> None:
    torch.manual_seed(0)
    network = torchvision.models.resnet18(num_classes=7)  # another head than ImageNet's
    path = tmp_path / f"weights.{suffix}"
    state = network.state_dict()
    save_file(state, path) if suffix == "safetensors" else torch.save(state, path)
    encoder = TorchvisionBackbone(3, "resnet18", str(path))
    assert torch.equal(encoder.body.conv1.weight, network.conv1.weight)


def test_a_frozen_backbone_stays_as_it_was() -> None:
    encoder = TorchvisionBackbone(3, "resnet18", trainable=False).train()
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    encoder(torch.randn(2, 3, 64, 64))
    assert all(torch.equal(before[name], value) for name, value in encoder.state_dict().items())
    assert not any(parameter.requires_grad for parameter in encoder.parameters())


def test_faults_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="torchvision has no model 'resnet19'"):
        TorchvisionBackbone(3, "resnet19")
    with pytest.raises(ValueError, match="expected frames of 3 channels, got 6"):
        TorchvisionBackbone(6, "resnet18")
    with pytest.raises(ValueError, match="no such file"):
        TorchvisionBackbone(3, "resnet18", str(tmp_path / "none.pth"))
    save_file({"conv1.weight": torch.zeros(2, 2)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="entries that do not fit"):
        TorchvisionBackbone(3, "resnet18", str(tmp_path / "other.safetensors"))


@pytest.mark.parametrize("kind", [PlainCnn, DepthwiseCnn, PooledCnn])
def test_one_picture_shrunk_to_one_cell_can_be_trained_on(kind: type) -> None:
    maps = kind(3, (4, 4, 4)).train()(torch.randn(1, 3, 8, 8))
    assert maps.shape == (1, 4, 1, 1)
    maps.sum().backward()


def test_default_weights_are_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    network, asked = torchvision.models.resnet18(), {}

    def download(url: str, **options: object) -> dict[str, torch.Tensor]:
        asked.update(url=url, **options)
        return network.state_dict()

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", download)
    encoder = TorchvisionBackbone(3, "resnet18", "default")
    assert torch.equal(encoder.body.conv1.weight, network.conv1.weight)
    assert "resnet18" in str(asked["url"])
    assert (asked["weights_only"], asked["check_hash"]) == (True, True)


def test_default_weights_without_a_network_are_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def download(url: str, **options: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", download)
    with pytest.raises(
        ValueError, match=r"weights=default: .*no route.*frame_encoder.weights=PATH"
    ):
        TorchvisionBackbone(3, "resnet18", "default")


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.pth"])
def test_a_file_of_something_else_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("<html>not found</html>")
    with pytest.raises(ValueError, match=f"{name}: expected a file of weights, got"):
        TorchvisionBackbone(3, "resnet18", str(tmp_path / name))


def test_a_checkpoint_with_more_than_weights_is_refused(tmp_path: Path) -> None:
    torch.save({"state_dict": {}, "epoch": 3}, tmp_path / "last.pth")
    with pytest.raises(ValueError, match="expected a state dict, tensors by name"):
        TorchvisionBackbone(3, "resnet18", str(tmp_path / "last.pth"))
