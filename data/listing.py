"""What lies below a root: files in an order that depends on their names alone.

Recipes look media up by stem, never by a fixed extension, so that a corpus that was re-encoded
(``.avi`` for ``.mp4``, ``.wav`` for ``.flac``) is the same corpus with the same ids.
"""

import os
import posixpath
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from rnnmm.data.textfile import read_lines
from rnnmm.manifest import count_of, name_some

# In order of preference, should one stem occur with several of them.
AUDIO = (
    ".wav", ".flac", ".sph", ".aif", ".aiff", ".aifc", ".au", ".caf", ".w64", ".m4a", ".mp3",
    ".ogg", ".oga", ".opus", ".aac", ".wma", ".amr", ".ac3", ".mka",
)  # fmt: skip
VIDEO = (
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".vob", ".wmv", ".asf",
    ".flv", ".ts", ".mts", ".m2ts", ".3gp", ".ogv", ".mjpeg", ".y4m", ".gif",
)  # fmt: skip
IMAGE = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
FEATURE = (".mfc",)


class Media(NamedTuple):
    """Media files below a folder.

    root: the corpus folder.
    stems: path below the folder searched, without extension -> path below the root; sorted.
    findings: what was seen and left aside.
    """

    root: Path
    stems: dict[str, str]
    findings: tuple[str, ...]


class Listing(NamedTuple):
    """files: paths below the root, sorted. skipped: (path, reason), sorted."""

    files: list[str]
    skipped: list[tuple[str, str]]


def open_root(name: str, root: str) -> Path:
    """The corpus folder, which must be there.

    Raises:
        ValueError: There is no such folder.
    """
    if root and Path(root).is_dir():
        return Path(root)
    got = "a file" if root and Path(root).exists() else "nothing"
    raise ValueError(
        f"{name}: expected a folder at {root!r}, got {got}; set dataset.root=PATH to the corpus"
    )


def pick_folder(root: Path, names: Sequence[str]) -> str:
    """The first of the sub-folders that is there, else ``"."``, the root itself."""
    return next((name for name in names if (root / name).is_dir()), ".")


def list_files(root: Path, folder: str = ".") -> Listing:
    """All regular files below ``root/folder``, hidden ones left out.

    A link is taken only to a file that lies below the root too: a corpus that came from
    elsewhere must not reach into the rest of the machine.

    Raises:
        OSError: A folder cannot be read.
    """
    files, skipped = [], []
    for path, reason in _walk(root, "" if folder == "." else folder, root.resolve()):
        if reason is None:
            files.append(path)
        else:
            skipped.append((_printable(path), reason))
    return Listing(sorted(files), sorted(skipped))


def open_media(
    name: str, root: str, folders: Sequence[str], extensions: Sequence[str], layout: str
) -> Media:
    """Finds the media of a corpus: in the first of the folders that is there, else in the root.

    Args:
        name: the dataset, for messages.
        root: the corpus folder.
        folders: where below it the media may lie.
        extensions: lower case, with the dot, in order of preference.
        layout: what the files should look like, for messages.

    Raises:
        ValueError: There is no such folder, or no media in it.
    """
    folder = open_root(name, root)
    media = find_media(folder, pick_folder(folder, folders), extensions)
    if not media.stems:
        aside = f" ({'; '.join(media.findings)})" if media.findings else ""
        raise ValueError(
            f"{name}: found no media below {folder}{aside}; expected {layout}; "
            f"set dataset.root=PATH to the corpus"
        )
    return media


def find_media(root: Path, folder: str, extensions: Sequence[str]) -> Media:
    """The files below ``root/folder`` that carry one of the extensions (in any case), by stem."""
    listing = list_files(root, folder)
    prefix = "" if folder == "." else f"{folder}/"
    by_rank: dict[str, list[tuple[int, str]]] = {}
    for path in listing.files:
        stem, extension = posixpath.splitext(path.removeprefix(prefix))
        if extension.lower() in extensions:
            rank = extensions.index(extension.lower())
            by_rank.setdefault(stem, []).append((rank, path))
    stems = {stem: min(paths)[1] for stem, paths in sorted(by_rank.items())}
    shadowed = sorted(path for paths in by_rank.values() for _, path in sorted(paths)[1:])
    return Media(root, stems, _aside(shadowed, listing.skipped))


def strip_extension(path: str, extensions: Sequence[str]) -> str:
    """A path as `find_media` keys it: no leading ``./``, no extension if it is a known one."""
    stem, extension = posixpath.splitext(posixpath.normpath(path.replace("\\", "/")))
    return stem if extension.lower() in extensions else stem + extension


def read_listed_name(name: str, extensions: Sequence[str], where: str) -> str:
    """A path of a list, as `find_media` keys it.

    Raises:
        ValueError: It leads out of the corpus: lists are data, not a way into the machine.
    """
    stem = strip_extension(name, extensions)
    is_absolute = stem.startswith("/") or stem[1:2] == ":"
    if is_absolute or stem.split("/")[0] in ("..", ".") or "\0" in stem:
        raise ValueError(
            f"{where}: expected a path below the corpus folder, got {name!r}; cut what stands "
            f"before the corpus"
        )
    return stem


def read_split_lists(
    root: Path, lists: Mapping[str, Sequence[str]], extensions: Sequence[str]
) -> dict[str, str]:
    """Reads split lists, one name per line; the first file that is there counts for its split.

    Args:
        root: where the lists lie.
        lists: split -> the file names its list goes by.
        extensions: what may be cut from a listed name.

    Returns:
        Name without extension -> split, in the order of the lists; empty when there is no list.

    Raises:
        ValueError: A name is listed twice, in one list or in two (a leak); both places are named.
            A name leads out of the corpus.
    """
    splits: dict[str, str] = {}
    first_seen: dict[str, str] = {}
    for split, candidates in lists.items():
        path = next((root / name for name in candidates if (root / name).is_file()), None)
        for number, line in read_lines(path) if path else ():
            name = read_listed_name(line, extensions, f"{path}:{number}")
            if name in splits:
                raise ValueError(
                    f"{path}:{number}: {name} is listed already at {first_seen[name]}; keep one"
                )
            splits[name], first_seen[name] = split, f"{path}:{number}"
    return splits


def _walk(root: Path, folder: str, resolved: Path) -> Iterator[tuple[str, str | None]]:
    with os.scandir(root / folder) as entries:
        visible = [entry for entry in entries if not entry.name.startswith(".")]
    for entry in visible:
        path = posixpath.join(folder, entry.name)
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(root, path, resolved)
        else:
            yield path, _why_not(entry, path, resolved)


def _why_not(entry: "os.DirEntry[str]", path: str, resolved: Path) -> str | None:
    """Why a directory entry is no file to be read, or None when it is one."""
    if path != _printable(path):
        return "its name is not UTF-8"
    if entry.is_symlink():
        return _why_not_linked(Path(entry.path), resolved)
    return None if entry.is_file(follow_symlinks=False) else "no regular file"


def _why_not_linked(link: Path, resolved: Path) -> str | None:
    try:
        target = link.resolve(strict=True)
    except (OSError, RuntimeError):  # RuntimeError: a loop, on Python 3.11 and 3.12
        return "a link to nothing"
    if not target.is_relative_to(resolved):
        return "a link out of the root"
    mode = target.stat().st_mode
    if stat.S_ISDIR(mode):
        return "a link to a folder"
    return None if stat.S_ISREG(mode) else "no regular file"


def _printable(path: str) -> str:
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _aside(shadowed: list[str], skipped: list[tuple[str, str]]) -> tuple[str, ...]:
    findings = []
    if shadowed:
        findings.append(
            f"{count_of(len(shadowed), 'file')} not used, another extension of the same name was "
            f"preferred: {name_some(shadowed)}"
        )
    if skipped:
        reasons = name_some([f"{path} ({reason})" for path, reason in skipped])
        findings.append(f"{count_of(len(skipped), 'file')} skipped: {reasons}")
    return tuple(findings)
