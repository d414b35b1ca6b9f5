"""Corpora whose lists name their files: what the lists say, and what of it is there."""

import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from rnnmm.data.finding import report_files, report_sizes, to_manifest
from rnnmm.data.listing import Media, read_listed_name
from rnnmm.data.split import assign_splits, check_fractions, split_by_hash
from rnnmm.data.textfile import read_lines
from rnnmm.manifest import Item, Manifest, check_count

_T = TypeVar("_T")


class Entry(NamedTuple):
    """What the lists say of one file.

    split: "train", "val" or "test". label, captions, group: as of `rnnmm.manifest.Item`.
    """

    split: str
    label: str | None = None
    captions: tuple[str, ...] = ()
    group: str | None = None


Entries = Mapping[str, Entry]


class Line(NamedTuple):
    """A line of a list.

    where: file:line. path: as it is written. name: the same as `rnnmm.data.listing.find_media`
    keys files. number: what stands behind it, if anything does.
    """

    where: str
    path: str
    name: str
    number: int | None


def read_numbered(path: Path, extensions: Sequence[str]) -> Iterator[Line]:
    """The lines ``path`` or ``path number`` of a list; paths may hold spaces.

    Raises:
        ValueError: A path leads out of the corpus.
    """
    for line_number, line in read_lines(path):
        where = f"{path}:{line_number}"
        *head, tail = line.rsplit(maxsplit=1)
        number = int(tail) if head and tail.isascii() and tail.isdigit() else None
        written = line if number is None else head[0]
        yield Line(where, written, read_listed_name(written, extensions, where), number)


def collect(rows: Iterable[tuple[str, str, _T]]) -> dict[str, _T]:
    """Name -> value of rows (where, name, value).

    Raises:
        ValueError: A name occurs twice, in one list or in two (a leak); both places are named.
    """
    values: dict[str, _T] = {}
    places: dict[str, str] = {}
    for where, name, value in rows:
        if name in values:
            raise ValueError(f"{where}: {name} is listed already at {places[name]}; keep one")
        values[name], places[name] = value, where
    return values


def flatten(media: Media) -> Media:
    """The same files by their bare names, in whatever folders they lie.

    Of files that share a name the first by path stays, and the rest are told.
    """
    stems: dict[str, str] = {}
    twice = []
    for stem, path in media.stems.items():
        if stems.setdefault(posixpath.basename(stem), path) != path:
            twice.append(path)
    findings = report_files("not used, another folder holds the same name", twice)
    return media._replace(stems=dict(sorted(stems.items())), findings=(*media.findings, *findings))


def leave_out(media: Media, names: Iterable[str]) -> Media:
    """The media without those that the corpus itself does not use."""
    unused = frozenset(names)
    return media._replace(stems={n: path for n, path in media.stems.items() if n not in unused})


def draw_val(entries: Entries, val_fraction: float, seed: int) -> dict[str, Entry]:
    """Turns a share of each class's train groups into val, by hash; a group is never divided.

    Files without a group are drawn one by one. Lists that have a val are left as they are. The
    choice looks at the lists alone, not at the files that are there.

    Raises:
        ValueError: ``val_fraction`` is not in [0, 1).
    """
    check_fractions(val_fraction=val_fraction)
    if any(entry.split == "val" for entry in entries.values()):
        return dict(entries)
    train = {name: entry for name, entry in entries.items() if entry.split == "train"}
    strata = {entry.group or name: entry.label or "" for name, entry in train.items()}
    drawn = split_by_hash(strata, val_fraction, 0.0, seed)
    carved = {n: entry._replace(split=drawn[entry.group or n]) for n, entry in train.items()}
    return {**entries, **carved}


def measure_on_val(entries: Entries) -> tuple[dict[str, Entry], list[str]]:
    """For corpora whose test nobody else can measure on: their validation part is the test.

    Returns:
        The entries, without the published test; and what that held.
    """
    as_test = {"train": "train", "val": "test"}
    kept = {
        name: entry._replace(split=as_test[entry.split])
        for name, entry in entries.items()
        if entry.split in as_test
    }
    return kept, [name for name in entries if name not in kept]


def drop_shared_groups(entries: Entries, noun: str) -> tuple[dict[str, Entry], tuple[str, ...]]:
    """Takes the groups from files whose published splits share them, and says so.

    For corpora whose own split is not as clean as ours: it stays what all others measure on, but
    not in silence. What is left must hold, see `rnnmm.manifest.check_manifest`.

    Args:
        entries: by name.
        noun: what a group is, for the finding.
    """
    splits: dict[str, set[str]] = {}
    for entry in entries.values():
        if entry.group is not None:
            splits.setdefault(entry.group, set()).add(entry.split)
    shared = {group for group, found in splits.items() if len(found) > 1}
    lone = {
        name: entry._replace(group=None) if entry.group in shared else entry
        for name, entry in entries.items()
    }
    return lone, report_files(
        "in two splits of the published lists (a leak)", sorted(shared), noun
    )


def describe_no_lists(entries: Entries) -> tuple[str, ...]:
    """For a corpus that came without its lists."""
    return (f"no split lists: every item counts as test ({len(entries)})",)


def match_files(
    name: str,
    media: Media,
    entries: Entries,
    published: Mapping[str, int],
    noun: str,
    findings: Sequence[str] = (),
) -> Manifest:
    """Brings lists and files together.

    Args:
        name: the dataset's.
        media: what is there.
        entries: what is listed, by the same names.
        published: split, or splits such as ``train+val`` -> how many of its files the release
            holds; ``classes`` -> how many labels.
        noun: what a file is, for findings.
        findings: to stand between the counts and the differences.

    Returns:
        Items in the order of the media; those without label and captions are left out and told.

    Raises:
        ValueError: Nothing of what is listed is there.
    """
    splits, differences = assign_splits(media.stems, {n: e.split for n, e in entries.items()})
    items = [_item(one, media.stems[one], entries[one]) for one in splits]
    told = [item for item in items if item.label is not None or item.captions]
    mute = [item.id for item in items if item.label is None and not item.captions]
    return to_manifest(
        name,
        media.root,
        told,
        (
            *_check_counts(told, published, noun),
            *findings,
            *differences,
            *report_files("without annotation, not used", mute, noun),
            *report_sizes(told),
            *media.findings,
        ),
    )


def _item(name: str, path: str, entry: Entry) -> Item:
    return Item(
        name,
        path,
        entry.split,
        label=entry.label,
        captions=entry.captions,
        group=entry.group,
    )


def _check_counts(items: Sequence[Item], published: Mapping[str, int], noun: str) -> Iterator[str]:
    for part, number in published.items():
        if part == "classes":
            yield from check_count(part, len({item.label for item in items} - {None}), number)
        else:
            found = sum(item.split in part.split("+") for item in items)
            yield from check_count(f"{part} {noun}s", found, number)
