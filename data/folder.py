"""Any folder of media with one sub-folder per class: sound, video or pictures.

The smallest data set there is: no list, no table. The sub-folder's name is both the label and the
speaker of everything below it, so that either task can use it.
"""

import posixpath
from collections import Counter
from collections.abc import Iterable
from typing import Literal, NamedTuple

from rnnmm.data.finding import report_sizes
from rnnmm.data.listing import list_files, open_root
from rnnmm.data.split import check_fractions, split_by_hash
from rnnmm.domain import Folder, Probability
from rnnmm.manifest import Item, Manifest, count_of, name_some

_SPLIT_OF_FOLDER = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
}
_DOCUMENT_EXTENSIONS = (
    ".txt", ".md", ".rst", ".pdf", ".doc", ".docx", ".rtf", ".tex", ".html", ".htm", ".css",
    ".tsv", ".csv", ".json", ".jsonl", ".xml", ".yaml", ".yml", ".toml", ".ini", ".cfg", ".log",
    ".xls", ".xlsx", ".parquet", ".py", ".ipynb", ".sh", ".c", ".h", ".cpp", ".js", ".srt",
    ".vtt", ".ass", ".lab", ".align", ".ctm", ".stm", ".trn", ".textgrid", ".md5", ".sha256",
)  # fmt: skip
_DOCUMENT_NAMES = (
    "license", "licence", "copying", "copyright", "notice", "readme", "authors", "changelog",
    "makefile",
)  # fmt: skip


class _File(NamedTuple):
    id: str
    path: str
    split: str  # what its top folder says, else test
    label: str | None


def prepare(
    root: Folder,
    split: Literal["folders", "seeded"] = "folders",
    val_fraction: Probability = 0.1,
    test_fraction: Probability = 0.1,
    split_seed: int = 0,
) -> Manifest:
    """Lists every file below the root, hidden ones and well-known documents left out.

    Unknown extensions stay in: whether a file holds media is for the decoder to see. Where all
    the top folders are named train, val or test, they are the splits and the classes lie one
    level below. Files that lie above the class folders get no label.

    Args:
        root: the folder.
        split: "folders": what the top folders say, else everything is test; "seeded": what they
            leave open is drawn within each class by a hash of the id (all three splits, or val
            out of train), so that files in another encoding are drawn alike.
        val_fraction: in [0, 1), with "seeded".
        test_fraction: in [0, 1), with "seeded"; the two together below 1.
        split_seed: any integer.

    Returns:
        Items with label and speaker, both the class folder's name; the id is the path, without
        extension where that is unique. Documents and links are in ``skipped``.

    Raises:
        ValueError: No such folder, nothing in it, or fractions out of range.
    """
    check_fractions(val_fraction=val_fraction, test_fraction=test_fraction)
    folder = open_root("folder", root)
    listing = list_files(folder)
    documents = [path for path in listing.files if _is_document(path)]
    skipped = sorted([*listing.skipped, *((path, "a document") for path in documents)])
    paths = [path for path in listing.files if not _is_document(path)]
    if not paths:
        raise ValueError(
            f"folder: found no media below {folder} ({count_of(len(skipped), 'file')} skipped); "
            f"expected a sub-folder of media for each class; set dataset.root=PATH"
        )
    has_splits, remarks = _read_tops(paths)
    files = [
        _File(id, path, *_read_path(path, has_splits))
        for id, path in zip(_make_ids(paths), paths, strict=True)
    ]
    drawn: dict[str, str] = {}
    if split == "seeded":
        drawn = _draw(files, has_splits, val_fraction, test_fraction, split_seed)
    items = [
        Item(f.id, f.path, drawn.get(f.id, f.split), speaker=f.label, label=f.label) for f in files
    ]
    findings = (
        *remarks,
        *_describe_rule(len(items), has_splits, bool(drawn), split_seed),
        *report_sizes(items),
        *_describe_unlabelled(items),
    )
    return Manifest("folder", folder, tuple(items), findings, tuple(skipped))


def _is_document(path: str) -> bool:
    stem, extension = posixpath.splitext(posixpath.basename(path).lower())
    return extension in _DOCUMENT_EXTENSIONS or (not extension and stem in _DOCUMENT_NAMES)


def _read_tops(paths: Iterable[str]) -> tuple[bool, tuple[str, ...]]:
    """Whether the top folders are the splits; and a remark when only some of them could be."""
    tops = {path.split("/")[0] for path in paths if "/" in path}
    named = {top for top in tops if top.lower() in _SPLIT_OF_FOLDER}
    if not named or named == tops:
        return bool(named), ()
    return False, (
        f"the folders {', '.join(sorted(named))} are taken as classes, not as splits, because "
        f"beside them there are {name_some(sorted(tops - named))}",
    )


def _read_path(path: str, has_splits: bool) -> tuple[str, str | None]:
    """Split and label."""
    parts = path.split("/")
    if not has_splits or len(parts) == 1:
        return "test", parts[0] if len(parts) > 1 else None
    return _SPLIT_OF_FOLDER[parts[0].lower()], parts[1] if len(parts) > 2 else None


def _draw(
    files: list[_File], has_splits: bool, val_fraction: float, test_fraction: float, seed: int
) -> dict[str, str]:
    """Id -> split for the files whose split is open: all of them, train's for val, or none."""
    if not has_splits:
        return split_by_hash(_strata(files), val_fraction, test_fraction, seed)
    if any(file.split == "val" for file in files):
        return {}
    train = [file for file in files if file.split == "train"]
    return split_by_hash(_strata(train), val_fraction, 0.0, seed)


def _strata(files: Iterable[_File]) -> dict[str, str]:
    return {file.id: file.label or "" for file in files}


def _make_ids(paths: list[str]) -> list[str]:
    stems = [posixpath.splitext(path)[0] for path in paths]
    taken = Counter([*stems, *paths])
    return [stem if taken[stem] == 1 else path for stem, path in zip(stems, paths, strict=True)]


def _describe_rule(num_items: int, has_splits: bool, is_drawn: bool, seed: int) -> tuple[str, ...]:
    if is_drawn:
        what = "val drawn out of train" if has_splits else "splits drawn"
        return (f"{what}, within each class (seed {seed})",)
    if has_splits:
        return ()
    return (
        f"no split lists: every item counts as test ({num_items}; dataset.split=seeded draws "
        f"splits)",
    )


def _describe_unlabelled(items: Iterable[Item]) -> tuple[str, ...]:
    paths = [item.path for item in items if item.label is None]
    if not paths:
        return ()
    return (
        f"{count_of(len(paths), 'file')} outside any class folder, without label: "
        f"{name_some(paths)}",
    )
