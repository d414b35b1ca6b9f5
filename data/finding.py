"""Sentences on how a corpus differs from what its lists and its publishers say."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from rnnmm.manifest import SPLITS, Item, Manifest, count_of, name_some


def report_files(what: str, names: Iterable[str], noun: str = "file") -> tuple[str, ...]:
    """How many, what is the matter, and the first names; nothing when there are none."""
    listed = list(names)
    return (f"{count_of(len(listed), noun)} {what}: {name_some(listed)}",) if listed else ()


def report_sizes(items: Sequence[Item]) -> tuple[str, ...]:
    """How many items each split got."""
    splits = [item.split for item in items]
    return ("split: " + ", ".join(f"{splits.count(split)} {split}" for split in SPLITS),)


def to_manifest(name: str, root: Path, items: Iterable[Item], findings: Iterable[str]) -> Manifest:
    """The manifest of a corpus of which something is left.

    Raises:
        ValueError: There are no items; the findings say why.
    """
    manifest = Manifest(name, root, tuple(items), tuple(findings))
    if not manifest.items:
        raise ValueError(
            f"{name}: nothing left of the corpus at {root} ({'; '.join(manifest.findings)}); set "
            f"dataset.root=PATH to the whole corpus, or remove lists that name other files"
        )
    return manifest
