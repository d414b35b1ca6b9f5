"""Rows of the store to one padded batch, copied straight out of the mapped shards."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rnnmm.batch import AudioVisual, Padded
from rnnmm.loading.ring import Ring
from rnnmm.store.reader import Store

Kind = str
"""What a task reads of an item: "audio", "frames", "audio+frames", "features" or "text"."""

_FRESH = Ring(0)


def gather(store: Store, rows: Sequence[int], kind: Kind, ring: Ring | None = None) -> Padded:
    """Copies the items' payloads into one buffer: each byte once, and nothing per item kept.

    Args:
        store: where they lie.
        rows: rows of the store's index.
        kind: "audio" -> ``(B, N)`` int16; "frames" -> ``(B, T, H, W, C)`` uint8; "features" ->
            ``(B, T, F)`` float32; "text" -> ``(B, T)`` int32 code points; "audio+frames" ->
            `AudioVisual` of both, each in a buffer of its own. Padding is zeros.
        ring: where the buffers come from; None: fresh memory.
    """
    if kind == "audio+frames":
        sound = gather(store, rows, "audio", ring)
        return AudioVisual(sound.data, sound.lengths, gather(store, rows, "frames", ring))
    read = _reader(store, kind)
    payloads = [read(row) for row in rows]
    lengths = [len(payload) for payload in payloads]
    longest = payloads[int(np.argmax(lengths))]  # a missing payload does not know its shape
    # At least one step, so that layers that cannot take none never meet it.
    shape = (len(payloads), max(1, *lengths), *longest.shape[1:])
    data = (ring or _FRESH).empty(shape, longest.dtype)
    for target, payload, length in zip(data.numpy(), payloads, lengths):
        if length:
            target[:length] = payload
        if length < shape[1]:
            target[length:] = 0  # the buffer may have held another batch
    return Padded(data, torch.tensor(lengths, dtype=torch.int64))


def parts(kind: Kind) -> list[Kind]:
    """The payloads that are read of each item: one, or several of which it may lack some."""
    return kind.split("+")


def payload_lengths(store: Store, kind: Kind) -> NDArray[np.int64]:
    """``(items,)`` steps of every item's payload of this kind; 0 where it has none.

    Of sound and pictures the longer counts, both in samples of sound.
    """
    if kind == "audio+frames":
        return np.maximum(store.num_samples, _played_samples(store))
    if kind == "audio":
        return store.num_samples
    if kind == "text":
        return np.array([len(text or "") for text in store.column("text")], dtype=np.int64)
    return store.num_frames if kind == "frames" else store.num_feature_frames


def _played_samples(store: Store) -> NDArray[np.int64]:
    """``(items,)`` samples of sound that would last as long as the pictures."""
    decoding = store.info["decoding"]
    per_picture = (decoding["sample_rate"] or 1) / (decoding["frame_rate"] or 1)
    return np.floor(store.num_frames * per_picture + 0.5).astype(np.int64)


def payload_dim(store: Store, kind: Kind) -> int:
    """The size of the last axis: 1 for PCM and text, 3 for RGB frames, F for stored features.

    Of sound and pictures that of the sound: models are told the other in their config.

    Raises:
        ValueError: Stored features of several sizes.
    """
    if kind != "features":
        return 3 if kind == "frames" else 1
    dims = {dim for dim in store.column("feature_dim") if dim}
    if len(dims) != 1:
        raise ValueError(f"{store.path}: expected stored features of one size, got {sorted(dims)}")
    return int(dims.pop())


def _reader(store: Store, kind: Kind) -> Callable[[int], NDArray[Any]]:
    if kind == "audio":
        return store.audio
    if kind == "text":
        return lambda row: np.array([ord(one) for one in store.text(row) or ""], dtype=np.int32)
    return store.frames if kind == "frames" else store.features
