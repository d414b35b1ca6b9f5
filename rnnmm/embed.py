"""The feature cache: embeddings of stored frames, computed once and shared by all tasks.

A config with a section ``embed`` works on such features instead of frames. Their store is named
by what they are made from: the frames, the network's weights (wherever those come from) and the
config. So training, evaluation and prediction find or make them alike. Optical flow is kept in
the same way, as frames that stand in for those it was made from.
"""

import json
import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rnnmm.config import build
from rnnmm.features.flow import OpticalFlow
from rnnmm.models.picture import PictureEmbedder
from rnnmm.store.commit import new_digest
from rnnmm.store.derive import derive_features
from rnnmm.store.executor import Progress
from rnnmm.store.reader import Store, open_store
from rnnmm.tasks.evaluation import choose_device

log = logging.getLogger(__name__)

_NUM_CHANNELS = 3
_WEIGHTS = "weights"

Embedder = PictureEmbedder | OpticalFlow


def make_embedder(node: Mapping[str, Any]) -> Embedder:
    """Builds the network of a section ``embed``.

    One without weights starts from the same chance whatever the run's seed, so that all runs
    share its features. The caller's random numbers stay as they are.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        embedder: Embedder = build(node, input_dim=_NUM_CHANNELS)
    return embedder


def embedder_digest(node: Mapping[str, Any], embedder: Embedder) -> str:
    """Names what an embedder computes: its config and every number in it.

    Where its weights were read from plays no part; what they are does.
    """
    total = new_digest()
    total.update(json.dumps(_unplaced(node), sort_keys=True).encode())
    # Buffers are in no state dict where they are not persistent, such as the scale of pixels.
    for name, value in [*embedder.named_parameters(), *embedder.named_buffers()]:
        total.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        total.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return total.hexdigest()


def embed_store(
    source: Store,
    root: Path,
    embedder: Embedder,
    digest: str,
    *,
    accelerator: str = "auto",
    max_bad_fraction: float = 0.01,
    progress: Progress | None = None,
) -> Store:
    """The store of a store's embedded frames, made if it is not there.

    A GPU rounds in other places than a CPU, which the name does not tell: who finds features that
    were made on the other is none the worse.

    Args:
        source: with frames.
        root: folder of all stores.
        embedder: the network.
        digest: of `embedder_digest`.
        accelerator: "auto" takes a GPU where there is one.
        max_bad_fraction: as in `rnnmm.store.preprocess.preprocess`.
        progress: told how far it is.

    Raises:
        ValueError: Too many items have no frames, or none that can be embedded.
    """
    device = choose_device(accelerator)
    compute = partial(_embed, source, embedder.to(device), device)
    with torch.backends.cudnn.flags(deterministic=True, benchmark=False, allow_tf32=False):
        path = derive_features(
            source, root, digest, compute, facts={"embedder": digest},
            max_bad_fraction=max_bad_fraction, progress=progress,
        )  # fmt: skip
    return open_store(path)


def _embed(
    source: Store, embedder: Embedder, device: torch.device, row: int
) -> NDArray[np.float32] | NDArray[np.uint8]:
    if not source.num_frames[row]:
        raise ValueError("no frames to embed")
    frames = torch.from_numpy(source.frames(row).copy())  # (T, H, W, C)
    with torch.inference_mode():
        computed: torch.Tensor = embedder(frames.to(device)).cpu()
    if computed.dtype == torch.uint8:  # pictures again
        return computed.numpy()
    if not computed.isfinite().all():
        raise ValueError("its embedding is not finite")
    return computed.float().numpy()


def _unplaced(node: Any) -> Any:
    """A config without the places where weights lie."""
    if isinstance(node, Mapping):
        return {key: _unplaced(value) for key, value in node.items() if key != _WEIGHTS}
    return [_unplaced(value) for value in node] if isinstance(node, list) else node
