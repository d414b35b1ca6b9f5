"""CNN frame encoders: single pictures to feature maps.

A frame encoder is a module with ``forward((M, C, H, W)) -> (M, output_dim, h, w)`` and
``output_dim``. It sees only real frames, never padding, so its batch norms count nothing else.
"""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torchvision
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision.models.feature_extraction import (
    create_feature_extractor,
    get_graph_node_names,
)

from rnnmm.domain import Size
from rnnmm.nn.norm import MapNorm

_REASON_CHARS = 200


class PlainCnn(nn.Module):
    """A small stack of 3 x 3 convolutions, each halving the picture: made for a CPU.

    Args:
        input_dim: channels of the frames.
        channels: output channels of each stage.
    """

    def __init__(self, input_dim: int, channels: Sequence[Size] = (16, 32, 64, 96)) -> None:
        super().__init__()
        dims = [input_dim, *channels]
        self.stages = nn.Sequential(
            *(_stage(nn.Conv2d(before, after, 3, 2, 1, bias=False), after)
              for before, after in itertools.pairwise(dims))
        )  # fmt: skip
        self.output_dim = dims[-1]

    def forward(self, frames: Tensor) -> Tensor:
        """``(M, C, H, W)`` -> ``(M, output_dim, h, w)``."""
        return self.stages(frames)  # type: ignore[no-any-return]


class DepthwiseCnn(nn.Module):
    """Depthwise-separable stages (MobileNet's block): more channels for the same work.

    Args:
        input_dim: channels of the frames.
        channels: output channels of each stage; the first is an ordinary convolution.

    Source:
        Howard et al. 2017, arXiv 1704.04861, section 3.1.
    """

    def __init__(self, input_dim: int, channels: Sequence[Size] = (16, 48, 96, 128)) -> None:
        super().__init__()
        stem = _stage(nn.Conv2d(input_dim, channels[0], 3, 2, 1, bias=False), channels[0])
        blocks = (_separable(before, after) for before, after in itertools.pairwise(channels))
        self.stages = nn.Sequential(stem, *blocks)
        self.output_dim = channels[-1]

    def forward(self, frames: Tensor) -> Tensor:
        """``(M, C, H, W)`` -> ``(M, output_dim, h, w)``."""
        return self.stages(frames)  # type: ignore[no-any-return]


class PooledCnn(nn.Module):
    """3 x 3 convolutions with maximum pooling between them.

    `PlainCnn` looks only at every second place; this one looks at all and keeps the strongest,
    which learns more from few photos.

    Args:
        input_dim: channels of the frames.
        channels: output channels of each convolution; the first strides by 2, and the maximum of
            each 2 x 2 is taken between one and the next.

    Source:
        Simonyan & Zisserman 2015, arXiv 1409.1556, with batch norm and one convolution a stage.
    """

    def __init__(self, input_dim: int, channels: Sequence[Size] = (32, 64, 128, 192)) -> None:
        super().__init__()
        stem = _stage(nn.Conv2d(input_dim, channels[0], 3, 2, 1, bias=False), channels[0])
        stages = (
            nn.Sequential(
                nn.MaxPool2d(2, ceil_mode=True),
                *_stage(nn.Conv2d(before, after, 3, 1, 1, bias=False), after),
            )
            for before, after in itertools.pairwise(channels)
        )
        self.stages = nn.Sequential(stem, *stages)
        self.output_dim = channels[-1]

    def forward(self, frames: Tensor) -> Tensor:
        """``(M, C, H, W)`` -> ``(M, output_dim, h, w)``."""
        return self.stages(frames)  # type: ignore[no-any-return]


class TorchvisionBackbone(nn.Module):
    """Any torchvision classifier by name, cut where its last feature maps are.

    A vision transformer has no such maps: its class token is taken as a map of one cell, and the
    pictures must be 224 x 224.

    Args:
        input_dim: channels of the frames; torchvision's networks take 3.
        name: a model of ``torchvision.models``, such as "resnet18" or "mobilenet_v3_small".
        weights: "none" starts from chance; "default" takes torchvision's own best, downloaded once
            into torch's cache; else the path of a local state dict (safetensors, or a ``.pth``
            that holds tensors alone). The classifier's own entries in it are not used.
        trainable: False freezes the backbone: no gradients, batch norms as they were stored.

    Raises:
        ValueError: No such model; frames of other than 3 channels; the file does not fit, or
            cannot be downloaded.
    """

    def __init__(
        self, input_dim: int, name: str, weights: str = "none", trainable: bool = True
    ) -> None:
        super().__init__()
        if input_dim != 3:
            raise ValueError(f"{name}: expected frames of 3 channels, got {input_dim}")
        network = _classifier(name, weights)
        cut, self.output_dim = _last_maps(network)
        self.body = create_feature_extractor(network, {cut: "maps"})
        self.trainable = trainable
        self.body.requires_grad_(trainable)
        self.train()

    def train(self, mode: bool = True) -> "TorchvisionBackbone":
        """As `nn.Module.train`; a frozen body always stays in evaluation mode."""
        super().train(mode)
        if not self.trainable:
            self.body.eval()
        return self

    def forward(self, frames: Tensor) -> Tensor:
        """``(M, 3, H, W)`` -> ``(M, output_dim, h, w)``."""
        maps: Tensor = self.body(frames)["maps"]
        return maps if maps.ndim == 4 else maps[..., None, None]


def _stage(convolution: nn.Conv2d, channels: int) -> nn.Sequential:
    nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
    return nn.Sequential(convolution, MapNorm(channels), nn.ReLU())


def _separable(before: int, after: int) -> nn.Sequential:
    depthwise = nn.Conv2d(before, before, 3, 2, 1, groups=before, bias=False)
    pointwise = nn.Conv2d(before, after, 1, bias=False)
    return nn.Sequential(_stage(depthwise, before), _stage(pointwise, after))


def _classifier(name: str, weights: str) -> nn.Module:
    known = torchvision.models.list_models(module=torchvision.models)
    if name not in known:
        raise ValueError(f"torchvision has no model {name!r}; it has {', '.join(known)}")
    network: nn.Module = torchvision.models.get_model(name, weights=None)
    if weights == "default":
        _put(network, _downloaded(name), f"the default weights of {name}")
    elif weights != "none":
        _put(network, _stored(Path(weights)), weights)
    return network


def _last_maps(network: nn.Module) -> tuple[str, int]:
    """Which node of the network's graph gives the last maps, and their channels."""
    network.eval()
    in_training, nodes = get_graph_node_names(network)
    with torch.no_grad():
        values = create_feature_extractor(network, nodes)(torch.zeros(1, 3, 224, 224))
    is_transformer = isinstance(network, torchvision.models.VisionTransformer)
    for node in reversed(nodes):
        value = values[node]
        if not isinstance(value, Tensor) or node not in in_training:
            continue
        is_token = is_transformer and value.ndim == 2 and not node.startswith("heads")
        if is_token or (value.ndim == 4 and min(value.shape[2:]) > 1):
            return node, int(value.shape[1])
    raise AssertionError("a classifier of pictures has maps or tokens")


def _downloaded(name: str) -> Mapping[str, Tensor]:
    best: Any = torchvision.models.get_model_weights(name)["DEFAULT"]
    try:
        state: Mapping[str, Tensor] = torch.hub.load_state_dict_from_url(
            best.url, map_location="cpu", progress=False, check_hash=True, weights_only=True
        )
    except (OSError, RuntimeError) as error:  # no network; another file than the digest promises
        reason = " ".join(str(error).split())
        raise ValueError(
            f"weights=default: expected to download {best.url}, got {reason}; download it "
            f"elsewhere and give its path as the frame_encoder's weights, or none to start from "
            f"chance: embed.frame_encoder.weights=PATH or model.encoder.frame_encoder.weights=PATH"
        ) from error
    return state


def _stored(path: Path) -> Mapping[str, Tensor]:
    if not path.is_file():
        raise ValueError(
            f"weights: expected a file of weights, 'default' or 'none', got {path}: no such file"
        )
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of damaged files both raise many kinds
        reason = " ".join(str(error).split())[:_REASON_CHARS]
        raise ValueError(f"{path}: expected a file of weights, got {reason}") from error
    if not isinstance(state, Mapping) or not all(isinstance(v, Tensor) for v in state.values()):
        raise ValueError(
            f"{path}: expected a state dict, tensors by name, got something else; save "
            f"network.state_dict() alone"
        )
    return state


def _put(network: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    own = network.state_dict()
    body = {key: value for key, value in state.items() if own.get(key, value).shape == value.shape}
    missing, unexpected = network.load_state_dict(body, strict=False)
    heads = ("fc.", "classifier.", "head.", "heads.", "AuxLogits.", "aux1.", "aux2.")
    faults = [key for key in [*missing, *unexpected] if not key.startswith(heads)]
    if faults:
        raise ValueError(
            f"{source}: expected the weights of {type(network).__name__}, got {len(faults)} "
            f"entries that do not fit, such as {faults[0]}"
        )
