"""`rnnmm preprocess`: media files to a store of shards, or of what a network makes of them."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from rnnmm.experiment import decode, embed, make_manifest
from rnnmm.manifest import count_of
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


def preprocess(config: Mapping[str, Any]) -> tuple[Store, float]:
    """The store of a config's dataset, and the seconds it took to make or open it."""
    start = time.perf_counter()
    manifest = make_manifest(config)
    with progress_bar(f"{manifest.name}: decoding") as progress:
        store = decode(config, manifest, progress)
    if config.get("embed"):
        with progress_bar(f"{manifest.name}: embedding") as progress:
            store = embed(config, store, progress)
    return store, time.perf_counter() - start
