"""`rnnmm preprocess`: media files to a store of shards, or of what a network makes of them."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rnnmm.experiment import decode, embed, make_manifest
from rnnmm.manifest import SPLITS, count_of
from rnnmm.pipelines.compose import compose_config
from rnnmm.pipelines.console import console, logging_to
from rnnmm.report.progress import progress_bar
from rnnmm.store.reader import Store

REQUIRED = ("dataset", "preprocess")


def main(overrides: Sequence[str]) -> int:
    """Decodes and embeds the dataset; prints what is in the store and what was left out."""
    config = compose_config(overrides, REQUIRED)
    with logging_to():
        store, seconds = preprocess(config)
    info = store.info
    splits = ", ".join(f"{name} {count}" for name, count in info["splits"].items())
    console.print(f"{count_of(len(store), 'item')} ({splits}) in {seconds:.1f} s: {store.path}")
    if info["num_bad"]:
        console.print(
            f"left out: {info['num_bad']} of {count_of(info['num_items'], 'item')}, each with its "
            f"reason in {store.path / 'quarantine.jsonl'}"
        )
    console.print(f"digest {store.fingerprint}")
    return 0


def preprocess(config: Mapping[str, Any], splits: Sequence[str] = ()) -> tuple[Store, float]:
    """The store of a config's dataset, and the seconds it took to make or open it.

    Args:
        config: composed and checked.
        splits: that must hold items, before and after anything is decoded.

    Raises:
        ValueError: One of them holds none.
    """
    start = time.perf_counter()
    manifest = make_manifest(config)
    _check_splits(
        manifest.name, Counter(item.split for item in manifest.items), splits,
        "add files, or say which are which (a folder, a text: dataset.split=seeded; a table: its "
        "column split)",
    )  # fmt: skip
    with progress_bar(f"{manifest.name}: decoding") as progress:
        store = decode(config, manifest, progress)
    if config.get("embed"):
        with progress_bar(f"{manifest.name}: embedding") as progress:
            store = embed(config, store, progress)
    _check_splits(
        manifest.name, store.info["splits"], splits,
        f"the others could not be decoded, for the reasons in {store.path / 'quarantine.jsonl'}",
    )  # fmt: skip
    return store, time.perf_counter() - start


def _check_splits(
    name: str, counts: Mapping[str, int], splits: Sequence[str], advice: str
) -> None:
    empty = [one for one in splits if one != "all" and not counts.get(one)]
    if empty:
        there = ", ".join(f"{counts.get(one, 0)} {one}" for one in SPLITS)
        raise ValueError(f"{name}: expected items in {' and '.join(empty)}, got {there}; {advice}")
