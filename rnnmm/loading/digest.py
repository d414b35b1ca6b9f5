"""What a model was shown, as one hash: equal streams of items have equal digests.

Padding takes no part, so it does not matter how a step was dealt to ranks or made ahead of time.
"""

import hashlib
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from rnnmm.batch import AudioVisual, Padded

T = TypeVar("T")

_BYTES = 16


def digest_array(array: NDArray[Any]) -> str:
    """Of an array's type, shape and content, in hexadecimal."""
    return _digest_array(array).hex()


def digest_items(rows: Tensor, inputs: Padded) -> list[bytes]:
    """Of each item of a batch: its row, its type and shape, and its content without padding.

    Args:
        rows: ``(B,)`` int64, rows of the store.
        inputs: ``(B, T, ...)``.
    """
    parts = [inputs, inputs.pictures] if isinstance(inputs, AudioVisual) else [inputs]
    items = zip(*(part.rows() for part in parts))
    return [
        _hash([str(row).encode(), *(_digest_array(one.cpu().numpy()) for one in item)]).digest()
        for row, item in zip(rows.tolist(), items)
    ]


def merge_shares(shares: Sequence[Sequence[T]]) -> list[T]:
    """The items of one step in their global order, from those of rank 0, 1, 2 ..."""
    dealt = zip_longest(*shares)
    return [item for turn in dealt for item in turn if item is not None]


def digest_epoch(steps: Iterable[Sequence[bytes]]) -> str:
    """Of a whole epoch, in hexadecimal.

    Args:
        steps: the items of each step in their global order, as `digest_items` gives them.
    """
    return _hash(_hash(items).digest() for items in steps).hexdigest()


def _digest_array(array: NDArray[Any]) -> bytes:
    kind = f"{array.dtype.str}{array.shape}".encode()
    return _hash([kind, np.ascontiguousarray(array).data]).digest()


def _hash(parts: Iterable[bytes | memoryview]) -> "hashlib.blake2b":
    digest = hashlib.blake2b(digest_size=_BYTES)
    for part in parts:
        digest.update(part)
    return digest
