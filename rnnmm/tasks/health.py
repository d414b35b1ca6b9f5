"""How gradients fare on their way down, layer by layer: measured, logged, and judged in words."""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn

from rnnmm.nn.recurrent import Bidirectional, Unidirectional

log = logging.getLogger(__name__)

_UPDATE_EVERY_STEPS = 32  # looking at an update needs a copy of all weights
_VANISHED = 1e-4  # of the strongest layer's gradient
_OFTEN = 0.9  # of all steps
_EXPLODED = 50.0  # times the largest norm let through; what learns well begins with up to 21
_HALVINGS = 16  # of the loss scale until it is one: so often float16 may overflow and be well

Layers = Mapping[str, Sequence[nn.Parameter]]


@dataclass(frozen=True)
class Gradients:
    """What was seen of the gradients in one epoch, before they were clipped.

    Args:
        layers: ``(G,)`` names, from the input up.
        norms: ``(G,)`` median over the steps of each layer's norm.
        updates: ``(G,)`` median length of an update as a fraction of the weights' own; NaN where
            none was looked at.
        total: median norm of all of them together.
        clipped: fraction of steps whose norm was above ``clip``.
        broken: steps whose norm was infinite or no number.
        origin: layer next to the loss of those that broke; None: none did.
        num_steps: in the epoch.
        num_deep: so many first layers stand below or in a recurrence, where gradients may vanish.
        clip: largest norm that is let through; None: any.
        is_scaled: whether the loss is scaled for float16, and single overflows are part of it.
    """

    layers: tuple[str, ...]
    norms: tuple[float, ...]
    updates: tuple[float, ...]
    total: float
    clipped: float
    broken: int
    origin: str | None
    num_steps: int
    num_deep: int
    clip: float | None = None
    is_scaled: bool = False

    def figures(self) -> dict[str, float]:
        """By the names that stand in ``history.csv``."""
        return {
            "grad_norm": self.total,
            "grad_clipped": self.clipped,
            "grad_broken": float(self.broken),
            **{f"grad_norm/{name}": norm for name, norm in zip(self.layers, self.norms)},
            **{f"update/{name}": size for name, size in zip(self.layers, self.updates)},
        }

    def __str__(self) -> str:
        parts = "  ".join(f"{name} {norm:.2g}" for name, norm in zip(self.layers, self.norms))
        return (
            f"gradient norm {self.total:.2g} ({parts})  clipped {100 * self.clipped:.0f} %  "
            f"largest update {100 * max(self.updates, default=math.nan):.2g} % of the weights"
        )


def ills(seen: Gradients) -> dict[str, str]:
    """What is wrong with gradients, and what to change: kind of ill -> sentence."""
    found = {"broken": _broken(seen), "vanishing": _vanishing(seen), "exploding": _exploding(seen)}
    return {kind: sentence for kind, sentence in found.items() if sentence}


def _broken(seen: Gradients) -> str | None:
    if seen.broken <= (_HALVINGS if seen.is_scaled else 0):
        return None
    return (
        f"gradients are infinite or no numbers in {seen.broken} of {seen.num_steps} steps, first "
        f"in {seen.origin}; likely the recurrence grows without bounds, or an input is no number: "
        f"take cell=lstm or gru, a lower optim.learning_rate, or precision=32-true"
    )


def _vanishing(seen: Gradients) -> str | None:
    strongest = max(seen.norms, default=0.0)
    deep = seen.norms[: seen.num_deep]
    weakest = min(deep, default=math.inf)
    if not weakest < _VANISHED * strongest:
        return None
    return (
        f"gradients vanish on their way down: {seen.layers[deep.index(weakest)]} gets "
        f"{weakest / strongest:.0e} of what {seen.layers[seen.norms.index(strongest)]} gets; "
        f"likely too many layers, a cell without gates, or units that are always off: take "
        f"cell=lstm or gru, residual=true, norm=layer, or fewer layers"
    )


def _exploding(seen: Gradients) -> str | None:
    is_high = seen.clip is not None and seen.total > _EXPLODED * seen.clip
    if seen.clipped <= _OFTEN or not is_high:
        return None
    strongest = seen.layers[seen.norms.index(max(seen.norms))]
    return (
        f"gradients explode: clipped in {100 * seen.clipped:.0f} % of the steps, their median "
        f"norm is {seen.total:.3g} against trainer.gradient_clip={seen.clip:g}, most of it in "
        f"{strongest}; likely too high a learning rate, a recurrence without gates, or inputs far "
        f"from the size of one: take a lower optim.learning_rate, a longer optim.warmup, "
        f"cell=lstm or gru, norm=layer, or normalised features"
    )


def layers_of(model: nn.Module) -> dict[str, list[nn.Parameter]]:
    """The trained parameters by layer, in the order the model names them.

    A recurrent layer stands alone; all else goes by its first two names (encoder.front, head).
    """
    recurrent = recurrent_layers(model)
    layers: dict[str, list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            inside = [layer for layer in recurrent if name.startswith(f"{layer}.")]
            layer = inside[0] if inside else ".".join(name.split(".")[:-1][:2]) or name
            layers.setdefault(layer, []).append(parameter)
    return layers


def recurrent_layers(model: nn.Module) -> list[str]:
    """The names of the recurrent layers, a bidirectional one before its two directions."""
    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, Unidirectional | Bidirectional)
    ]


def norms_by_layer(tensors: Sequence[Tensor | None], layer: Tensor, num_layers: int) -> Tensor:
    """``(G,)`` norms of tensors taken together by layer; None counts as zeros.

    Args:
        tensors: P of them, any shapes, one device; not all None.
        layer: ``(P,)`` int64 on that device, in 0..G - 1.
        num_layers: G.
    """
    # One call for all, as torch's own clipping has it: on a GPU one kernel and not one a tensor.
    known = torch._foreach_norm([one for one in tensors if one is not None])
    zero, found = torch.zeros_like(known[0]), iter(known)
    norms = torch.stack([zero if one is None else next(found) for one in tensors]).float()
    squares = norms.new_zeros(num_layers).index_add(0, layer, norms * norms)
    return squares.sqrt()


def summarise_gradients(
    layers: Sequence[str], norms: Tensor, updates: Tensor, num_deep: int,
    clip: float | None = None, is_scaled: bool = False,
) -> Gradients:  # fmt: skip
    """One epoch's norms to what is said of it.

    Args:
        layers: ``(G,)`` names.
        norms: ``(S, G)`` of each step's gradients, S >= 1.
        updates: ``(R, G)`` lengths of single updates as fractions of the weights', R >= 0.
        num_deep, clip, is_scaled: as in `Gradients`.
    """
    total = norms.square().sum(dim=1).sqrt()  # (S,)
    is_whole = total.isfinite()
    broken = [name for name, column in zip(layers, norms.T) if not column.isfinite().all()]
    is_over = ~is_whole if clip is None else ~(total <= clip)
    return Gradients(
        tuple(layers),
        tuple(_medians(norms[is_whole])),
        tuple(_medians(updates[updates.isfinite().all(dim=1)])),
        _medians(total[is_whole, None])[0],
        float(is_over.float().mean()),
        int((~is_whole).sum()),
        broken[-1] if broken else None,
        len(norms),
        num_deep,
        clip,
        is_scaled,
    )


def _medians(rows: Tensor) -> list[float]:
    """Of each column; NaN where there are no rows."""
    return rows.median(dim=0).values.tolist() if len(rows) else [math.nan] * rows.shape[1]


class GradientWatch(pl.Callback):
    """Measures gradients at every step, updates at some; logs and judges them every epoch.

    Nothing waits for the device before the epoch's end. Each kind of ill is warned of once.
    """

    def __init__(self) -> None:
        self._layers: Layers = {}
        self._weights: list[Tensor] = []
        self._index = torch.empty(0)
        self._num_deep = 0
        self._before: list[Tensor] = []
        self._norms: list[Tensor] = []
        self._updates: list[Tensor] = []
        self._said: list[str] = []

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        model: nn.Module = pl_module.model  # type: ignore[assignment]
        self._layers = layers_of(model)
        self._weights = [one for layer in self._layers.values() for one in layer]
        sizes = torch.tensor([len(layer) for layer in self._layers.values()])
        index = torch.arange(len(sizes)).repeat_interleave(sizes)
        self._index = index.to(pl_module.device)
        recurrent = {*recurrent_layers(model)}
        deep = [n for n, name in enumerate(self._layers, 1) if name in recurrent]
        self._num_deep = max(deep, default=0)

    def on_before_optimizer_step(self, *_: Any) -> None:
        # Before clipping, and after a scaled loss was scaled back.
        if len(self._norms) % _UPDATE_EVERY_STEPS == 0:
            self._before = [one.detach().clone() for one in self._weights]
        self._norms.append(self._by_layer([one.grad for one in self._weights]))

    @torch.no_grad()
    def on_train_batch_end(self, *_: Any) -> None:
        if self._before:
            moved = torch._foreach_sub(self._weights, self._before)
            self._updates.append(self._by_layer(moved) / self._by_layer(self._before))
            self._before = []

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        seen = summarise_gradients(
            tuple(self._layers), self._stacked(self._norms), self._stacked(self._updates),
            self._num_deep, trainer.gradient_clip_val, trainer.precision == "16-mixed",
        )  # fmt: skip
        self._norms, self._updates = [], []
        pl_module.log_dict(seen.figures(), logger=False)  # the history writes them for all
        log.debug("%s", seen)  # in history.csv and TensorBoard; ills are told aloud
        for kind, sentence in ills(seen).items():
            if kind not in self._said:
                self._said.append(kind)
                log.warning("epoch %d: %s", trainer.current_epoch + 1, sentence)

    def state_dict(self) -> dict[str, Any]:
        return {
            "norms": self._stacked(self._norms),
            "updates": self._stacked(self._updates),
            "said": list(self._said),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._norms = list(state_dict["norms"])
        self._updates = list(state_dict["updates"])
        self._said = list(state_dict["said"])

    def _by_layer(self, tensors: Sequence[Tensor | None]) -> Tensor:
        return norms_by_layer(tensors, self._index, len(self._layers))

    def _stacked(self, rows: Sequence[Tensor]) -> Tensor:
        """``(S, G)`` on the CPU."""
        empty = torch.empty(0, len(self._layers))
        return torch.stack([row.cpu() for row in rows]) if rows else empty
