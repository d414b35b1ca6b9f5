"""Stops at media that are in two splits, whatever their files are called."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping

from rnnmm.manifest import Item, Manifest, count_of, name_some
from rnnmm.store.source import Source


def check_media(manifest: Manifest, sources: Mapping[str, Source]) -> None:
    """The gate behind `rnnmm.manifest.check_manifest`: it has seen the files' content.

    An item without a group stands for its whole file, so that two pieces of one recording may not
    go to two splits. With groups, which no two splits share, the manifest has said what belongs
    together: then only the same seconds may not. Within a split a file may occur as often as it
    likes; empty and unreadable files are equal to nothing.

    Args:
        manifest: checked.
        sources: by path, of every item.

    Raises:
        ValueError: Two splits hold the same media; names the pairs.
    """
    same: dict[str, list[Item]] = defaultdict(list)
    for item in manifest.items:
        if sources[item.path].size:
            same[sources[item.path].digest].append(item)
    pairs = [pair for items in same.values() for pair in _first_leak(items)]
    if pairs:
        shown = name_some(f"{_name(one)} = {_name(other)}" for one, other in pairs)
        raise ValueError(
            f"{manifest.name} ({manifest.root}): expected no media in two splits, got "
            f"{count_of(len(pairs), 'file')} there (a leak): {shown}; put them into one split or "
            f"delete the copy in train, or give pieces of one file their groups"
        )


def _first_leak(items: Iterable[Item]) -> list[tuple[Item, Item]]:
    """The first two items of one content that share some of it and are in two splits."""
    latest: dict[str, Item] = {}  # split -> its item that ends last, of those seen
    for item in sorted(items, key=lambda item: _span(item)[0]):
        for split, other in latest.items():
            if split != item.split and _span(item)[0] < _span(other)[1]:
                return [(other, item)]
        if item.split not in latest or _span(latest[item.split])[1] < _span(item)[1]:
            latest[item.split] = item
    return []


def _span(item: Item) -> tuple[float, float]:
    """Start and end in the file, seconds; all of it where no group says what belongs together."""
    if item.group is None:
        return 0.0, math.inf
    return item.start_s or 0.0, math.inf if item.end_s is None else item.end_s


def _name(item: Item) -> str:
    return f"{item.split} {item.id} ({item.path})"
