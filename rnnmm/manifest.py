"""What a dataset is: a list of items below one root, checked before anything is decoded."""

import math
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

SPLITS = ("train", "val", "test")
_BESIDE = ":"  # between the name of another root and what lies below it
_SHOWN = 5  # how many culprits an error names before it only counts


class Segment(NamedTuple):
    """Something goes on for a while.

    start_s, end_s: half-open, seconds from the start of the item. label: what; no semicolon and
    no line break in it, which stand between segments where they are written in one line.
    """

    start_s: float
    end_s: float
    label: str


@dataclass(frozen=True, slots=True)
class Item:
    """One manifest row; its names are composed (NFC), however a file system writes them.

    Args:
        id: unique within the dataset, stable over machines.
        path: the media file, relative to the manifest's root, with forward slashes.
        split: "train", "val" or "test".
        start_s: where the item starts in the file, seconds; None: at its start.
        end_s: where it ends (exclusive), seconds; None: at its end.
        text: transcript, not yet normalised.
        speaker: who speaks.
        label: the one class of the item (an action, a genre, a digit).
        captions: reference sentences, any number.
        group: what must not be shared between splits (a speaker, a recording, a video).
        segments: what goes on when, in any order; they may overlap. None: nobody said; empty:
            nothing does.
    """

    id: str
    path: str
    split: str
    start_s: float | None = None
    end_s: float | None = None
    text: str | None = None
    speaker: str | None = None
    label: str | None = None
    captions: tuple[str, ...] = ()
    group: str | None = None
    segments: tuple[Segment, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("speaker", "label", "group"):
            value = getattr(self, name)
            if value is not None and not value.isascii():
                object.__setattr__(self, name, unicodedata.normalize("NFC", value))


@dataclass(frozen=True, slots=True)
class Manifest:
    """The items of one dataset.

    Args:
        name: the dataset's name.
        root: the folder that every item's path is relative to, unless ``beside`` names another.
        items: in an order that depends on the files alone, never on the file system.
        findings: one sentence per difference from the published release (a part is fine, a
            silent one is not); shown to the user and kept beside the results.
        skipped: (path, reason) of files seen below the root that are no media at all.
        beside: other roots by name; a path "name:a.wav" is the file a.wav below one of them.
    """

    name: str
    root: Path
    items: tuple[Item, ...]
    findings: tuple[str, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    beside: Mapping[str, Path] = field(default_factory=dict, hash=False)

    def place(self, path: str) -> tuple[Path, str]:
        """Which root a path of an item is relative to, and the path below that."""
        name, mark, rest = path.partition(_BESIDE)
        return (self.beside[name], rest) if mark and name in self.beside else (self.root, path)


def join_training(manifest: Manifest, extra: Manifest) -> Manifest:
    """A dataset with the items of another one beside it, all of them to train on.

    Args:
        manifest: keeps its name, its root, its items and their splits.
        extra: its ids get its name before them, and so do its paths; where its root lies does not
            show in either. Splits and groups that it has do not count.

    Raises:
        ValueError: As `check_manifest`, of each of them; a path begins like those of the other;
            the other has a colon in its name, or a third one beside it.
    """
    for part in (manifest, extra):
        check_manifest(part)
    if _BESIDE in extra.name or extra.beside:
        raise ValueError(
            f"extra: expected a dataset of one root and a name without {_BESIDE}, got {extra.name}"
            + "".join(f" beside {name}" for name in extra.beside)
        )
    start = f"{extra.name}{_BESIDE}"
    if taken := [item.path for item in manifest.items if item.path.startswith(start)]:
        raise ValueError(
            f"extra: expected no path of {manifest.name} that begins with {start}, which stands "
            f"for {extra.name}, got {name_some(taken)}; rename that folder or file"
        )
    more = [
        replace(item, id=f"{extra.name}/{item.id}", path=start + item.path, split="train",
                group=None)
        for item in extra.items
    ]  # fmt: skip
    skipped = ((start + path, reason) for path, reason in extra.skipped)
    findings = (f"training: {count_of(len(more), 'item')} of {extra.name}", *extra.findings)
    return replace(
        manifest,
        items=(*manifest.items, *more),
        findings=(*manifest.findings, *findings),
        skipped=(*manifest.skipped, *skipped),
        beside={**manifest.beside, extra.name: extra.root},
    )


def check_manifest(manifest: Manifest) -> None:
    """The gate every manifest passes before its media are touched.

    Raises:
        ValueError: No items; a split that is not train, val or test; an id that occurs twice;
            a path outside the root, or no regular file; a group found in two splits; a segment
            without a label or that does not start at or after 0 and end later. One message lists
            every kind of fault found, each with the first culprits by id and file.
    """
    if not manifest.items:
        raise ValueError(
            f"{manifest.name}: expected at least one item below {manifest.root}, found none"
        )
    faults = [
        *_duplicate_ids(manifest.items),
        *_unknown_splits(manifest.items),
        *_bad_paths(manifest),
        *_leaks(manifest.items),
        *_bad_segments(manifest.items),
    ]
    if faults:
        raise ValueError(f"{manifest.name} ({manifest.root}): " + "; ".join(faults))


def check_count(what: str, found: int, published: int) -> tuple[str, ...]:
    """A finding when a count differs from the published release, else nothing."""
    if found == published:
        return ()
    return (f"{what}: {found} found, {published} in the published release",)


def count_of(number: int, noun: str) -> str:
    """How many of something, in words: ``1 file``, ``2 files``, ``0 entries``."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"


def name_some(culprits: Iterable[str], total: int | None = None) -> str:
    """The first few of many, and how many more: ``a, b, c and 7 more``."""
    listed = list(culprits)
    total = len(listed) if total is None else total
    head = ", ".join(listed[:_SHOWN])
    return head if total <= _SHOWN else f"{head} and {total - _SHOWN} more"


def _duplicate_ids(items: tuple[Item, ...]) -> list[str]:
    twice = [f"{id} ({n} times)" for id, n in Counter(item.id for item in items).items() if n > 1]
    return [f"duplicate ids: {name_some(twice)}"] if twice else []


def _unknown_splits(items: tuple[Item, ...]) -> list[str]:
    bad = [f"{item.id} ({item.split!r})" for item in items if item.split not in SPLITS]
    return [f"expected split train, val or test, got {name_some(bad)}"] if bad else []


def _bad_paths(manifest: Manifest) -> list[str]:
    resolved = {root: root.resolve() for root in (manifest.root, *manifest.beside.values())}
    outside, missing = [], []
    for item in manifest.items:
        given, path = manifest.place(item.path)
        root = resolved[given]
        if "\0" in path or not (root / path).resolve().is_relative_to(root):
            outside.append(f"{item.id} ({item.path!r})")
        elif not (root / path).is_file():
            missing.append(f"{item.id} ({item.path})")
    faults = [f"paths outside the root: {name_some(outside)}"] if outside else []
    return faults + ([f"no such file: {name_some(missing)}"] if missing else [])


def _leaks(items: tuple[Item, ...]) -> list[str]:
    splits = defaultdict(set)
    for item in items:
        if item.group is not None:
            splits[item.group].add(item.split)
    leaked = [
        f"{group} in {'+'.join(sorted(found))}"
        for group, found in splits.items()
        if len(found) > 1
    ]
    return [f"groups shared between splits (a leak): {name_some(leaked)}"] if leaked else []


def _bad_segments(items: tuple[Item, ...]) -> list[str]:
    bad = [
        f"{item.id} ({tuple(segment)})"
        for item in items
        for segment in item.segments or ()
        if not _is_segment(segment)
    ]
    rule = "expected segments with 0 <= start < end, in seconds, and a label without semicolons"
    return [f"{rule}, got {name_some(bad)}"] if bad else []


def _is_segment(segment: Segment) -> bool:
    label = segment.label
    is_label = bool(label.strip()) and ";" not in label and label.splitlines() == [label]
    return 0 <= segment.start_s < segment.end_s < math.inf and is_label
