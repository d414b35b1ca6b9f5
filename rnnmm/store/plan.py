"""Which items go into which shard: a pure function of the manifest and the files' content."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rnnmm.manifest import Item, Manifest, name_some
from rnnmm.store.commit import digest_bytes
from rnnmm.store.leak import check_media
from rnnmm.store.shard import SCHEMA
from rnnmm.store.source import Source, read_sources

if TYPE_CHECKING:
    from rnnmm.media.decode import Decoding

# Shards are what workers are handed, so a small corpus is cut finer than the size asks for: into
# 64, but never below 4 items each.
_MIN_SHARDS = 64
_MIN_ITEMS = 4
# How long a file of unknown duration plays: its size over 128 kbit/s (sound) or 512 (video).
_AUDIO_BYTES_PER_S = 16_000
_VIDEO_BYTES_PER_S = 64_000
_FIELDS = tuple(name for name in Item.__dataclass_fields__ if name != "segments")


@dataclass(frozen=True)
class ShardPlan:
    """What one shard is to hold.

    Args:
        key: 32 hexadecimal digits; equal keys mean equal bytes.
        first: index of its first item in the manifest.
        items: a contiguous run of the manifest's.
        files: where each of them lies, relative to the manifest's root or absolute.
        estimated_bytes: of the decoded payload; a guess.
    """

    key: str
    first: int
    items: tuple[Item, ...]
    files: tuple[str, ...]
    estimated_bytes: int


def plan_shards(
    manifest: Manifest, decoding: "Decoding", shard_mb: int, record: Path | None = None
) -> list[ShardPlan]:
    """Cuts a manifest into shards; reads every source file once, to hash it.

    A shard ends where its decoded payload is expected to pass ``shard_mb`` megabytes or where it
    has its share of the items (so that there are shards for all workers). How many workers there
    are plays no part.

    Args:
        manifest: what to cut.
        decoding: what will be stored of it.
        shard_mb: megabytes of a shard, about.
        record: where the digests of files are kept, so that unchanged ones are not read again;
            None: nowhere.

    Raises:
        ValueError: A string of the manifest is no valid Unicode; two splits hold the same media.
    """
    check_unicode(manifest)
    files = {item.path: _file(manifest, item.path) for item in manifest.items}
    found = read_sources(manifest.root, list(dict.fromkeys(files.values())), record)
    sources = {path: found[file] for path, file in files.items()}
    check_media(manifest, sources)
    plans = []
    for start, stop, num_bytes in _cut(manifest, decoding, sources, shard_mb):
        items = manifest.items[start:stop]
        digests = [sources[item.path].digest for item in items]
        key, places = _shard_key(items, decoding, digests), (files[item.path] for item in items)
        plans.append(ShardPlan(key, start, items, tuple(places), num_bytes))
    return plans


def _file(manifest: Manifest, path: str) -> str:
    """Where an item's file lies: relative to the manifest's root or, beside it, absolute."""
    root, below = manifest.place(path)
    return below if root == manifest.root else str(root.absolute() / below)


def store_key(manifest: Manifest, decoding: "Decoding", plans: list[ShardPlan]) -> str:
    """Names everything that a store is made from: equal keys mean equal stores."""
    items = [_values(item) for item in manifest.items]
    notes = [manifest.name, manifest.findings, manifest.skipped]
    return _digest([SCHEMA, notes, asdict(decoding), items, [plan.key for plan in plans]])


def _cut(
    manifest: Manifest, decoding: "Decoding", sources: dict[str, Source], shard_mb: int
) -> Iterator[tuple[int, int, int]]:
    items = manifest.items
    max_items = max(_MIN_ITEMS, -(-len(items) // _MIN_SHARDS))
    start = num_bytes = 0
    for index, item in enumerate(items):
        size = _decoded_bytes(item, sources[item.path].size, decoding)
        is_full = index - start == max_items or num_bytes + size > shard_mb << 20
        if is_full and index > start:
            yield start, index, num_bytes
            start, num_bytes = index, 0
        num_bytes += size
    yield start, len(items), num_bytes


def _decoded_bytes(item: Item, source_bytes: int, decoding: "Decoding") -> int:
    frame_bytes = 3 * decoding.height * decoding.width
    bytes_per_s = _VIDEO_BYTES_PER_S if decoding.frame_rate else _AUDIO_BYTES_PER_S
    duration_s = source_bytes / bytes_per_s
    if item.end_s is not None:
        duration_s = item.end_s - (item.start_s or 0.0)
    duration_s = min(duration_s, decoding.max_duration_s)
    rate = 2 * (decoding.sample_rate or 0) + frame_bytes * (decoding.frame_rate or 0)
    # Neither wanted: the file holds features, which are stored as they are.
    return int(duration_s * rate) if rate else source_bytes


def _shard_key(items: tuple[Item, ...], decoding: "Decoding", digests: list[str]) -> str:
    spans = [(item.id, item.path, item.start_s, item.end_s) for item in items]
    return _digest([SCHEMA, asdict(decoding), spans, digests])


def _digest(value: object) -> str:
    return digest_bytes(json.dumps(value, sort_keys=True).encode())


def check_unicode(manifest: Manifest) -> None:
    """The gate for strings that no file can hold.

    Raises:
        ValueError: An id, a path or a text is no valid Unicode; names the first ids.
    """
    bad = [repr(item.id) for item in manifest.items if not _is_unicode(item)]
    if bad:
        raise ValueError(
            f"{manifest.name}: expected ids, file names and texts in valid UTF-8, got other bytes "
            f"in {name_some(bad)}; rename the files or mend the list"
        )


def _is_unicode(item: Item) -> bool:
    try:
        json.dumps(_values(item), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _values(item: Item) -> list[object]:
    # As dataclasses.astuple, without its deep copies: they take longer than all else here. Where
    # nothing is known of segments they add nothing: stores are older than they are.
    values = [getattr(item, name) for name in _FIELDS]
    return values if item.segments is None else [*values, item.segments]
