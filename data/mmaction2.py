"""Videos in the lists of mmaction2: a path and the number of its class on each line."""

import posixpath
from collections.abc import Iterator, Sequence
from pathlib import Path

from rnnmm.data.listed import Entry, collect, draw_val, match_files, measure_on_val, read_numbered
from rnnmm.data.listing import VIDEO, open_media, read_listed_name
from rnnmm.data.textfile import read_lines
from rnnmm.domain import Folder, Probability
from rnnmm.manifest import Manifest


def prepare(
    root: Folder,
    train_list: str | None = None,
    val_list: str | None = None,
    test_list: str | None = None,
    class_list: str | None = None,
    data_prefix: str = ".",
    val_fraction: Probability = 0.1,
    split_seed: int = 0,
) -> Manifest:
    """Reads lists of videos, ``some/path.mp4 4`` on each line.

    Without a test list the val list is the test, which is what mmaction2's own tables measure on,
    and val is drawn out of train. Lists of raw frames (``some/folder 120 4``) are refused: a
    folder of pictures is no file that could be decoded.

    Args:
        root: the folder that all the other paths are relative to.
        train_list, val_list, test_list: such as ``kinetics400_train_list_videos.txt``; at least
            one.
        class_list: the classes' names, one on each line, the first is number 0; None: a number is
            its own name.
        data_prefix: the folder that the paths of the lists start from.
        val_fraction: in [0, 1), the share of each class's training videos that becomes val where
            it is drawn.
        split_seed: any integer; changes which videos those are.

    Returns:
        Items with label. There is no group: the lists say nothing of what belongs together.

    Raises:
        ValueError: No list or no videos, none of them listed, a line that cannot be read, or a
            video that is listed twice.
    """
    lists = {"train": train_list, "val": val_list, "test": test_list}
    given = {split: path for split, path in lists.items() if path is not None}
    if not given:
        raise ValueError(
            "mmaction2: expected dataset.train_list, val_list or test_list, got none; name a list "
            "such as kinetics400_train_list_videos.txt below dataset.root"
        )
    media = open_media("mmaction2", root, (), VIDEO, "the videos of the lists")
    classes = _read_classes(media.root, class_list)
    listed = collect(
        row
        for split, path in given.items()
        for row in _read_list(_locate(media.root, path), split, data_prefix, classes)
    )
    if "test" not in given:
        listed, _ = measure_on_val(listed)
    return match_files("mmaction2", media, draw_val(listed, val_fraction, split_seed), {}, "video")


def _read_list(
    path: Path, split: str, data_prefix: str, classes: Sequence[str]
) -> Iterator[tuple[str, str, Entry]]:
    for line in read_numbered(path, VIDEO):
        if line.number is None or _ends_in_number(line.path):
            raise ValueError(
                f"{line.where}: expected 'some/path.mp4 4', a video and the number of its class, "
                f"got {line.path!r} and {line.number}; lists of frame folders and of several "
                f"classes per video cannot be read"
            )
        if classes and line.number >= len(classes):
            raise ValueError(
                f"{line.where}: expected a class below {len(classes)}, as many as are named, got "
                f"{line.number}"
            )
        label = classes[line.number] if classes else str(line.number)
        name = read_listed_name(posixpath.join(data_prefix, line.name), VIDEO, line.where)
        yield line.where, name, Entry(split, label)


def _ends_in_number(path: str) -> bool:
    """Whether another number stood before the class: ``some/folder 120``, ``a.mp4 3``."""
    *head, tail = path.rsplit(maxsplit=1)
    return bool(head) and tail.isascii() and tail.isdigit()


def _read_classes(root: Path, class_list: str | None) -> list[str]:
    return [line for _, line in read_lines(_locate(root, class_list))] if class_list else []


def _locate(root: Path, name: str) -> Path:
    path = root / read_listed_name(name, (), "mmaction2")
    if path.is_file():
        return path
    raise ValueError(f"mmaction2: expected a list at {path}, found none")
