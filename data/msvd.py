"""MSVD (Microsoft Research Video Description): short YouTube clips, about 40 sentences each."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from rnnmm.data.listed import Entry, drop_shared_groups, flatten, match_files
from rnnmm.data.listing import VIDEO, open_media
from rnnmm.data.record import read_rows
from rnnmm.data.textfile import read_lines
from rnnmm.domain import Folder
from rnnmm.manifest import Manifest

_TABLES = ("video_corpus.csv", "MSR Video Description Corpus.csv")
_COLUMNS = ("VideoID", "Start", "End", "Language", "Description")
_LANGUAGE = "English"
_TEXT = "AllVideoDescriptions.txt"
# The split that everyone uses takes the clips in the order of their names: 1200, 100, the rest.
# Two names say as much, and hold for a part of the corpus too.
_LAST_TRAIN = "bQJQGoJF7_k_145_153"
_LAST_VAL = "eyMYc-37Sk4_0_10"
_PUBLISHED = {"train": 1200, "val": 100, "test": 670}


def prepare(root: Folder) -> Manifest:
    """Reads the descriptions and finds their clips, ``ID_START_END.avi``, anywhere below the root.

    The descriptions are ``video_corpus.csv`` with the columns ``VideoID,Start,End,...,Language,
    ...,Description``, of which the English ones are kept, or ``AllVideoDescriptions.txt``.

    Args:
        root: the corpus folder.

    Returns:
        Items with captions; the group is the YouTube video. One video, ``bQJQGoJF7_k``, is in
        train and val of the usual split, which is kept; that is a finding.

    Raises:
        ValueError: No clips or no descriptions, or a line that cannot be read.

    Source:
        Order and sizes: Yao et al., "Describing Videos by Exploiting Temporal Structure", ICCV
        2015, ``youtube_mapping.txt`` of its code.
    """
    layout = "ID_START_END.avi, and video_corpus.csv or AllVideoDescriptions.txt"
    media = flatten(open_media("msvd", root, (), VIDEO, layout))
    captions: dict[str, list[str]] = defaultdict(list)
    for clip, caption in _read_captions(media.root):
        captions[clip].append(caption)
    listed = {
        clip: Entry(_split(clip), captions=tuple(some), group=clip.rsplit("_", 2)[0])
        for clip, some in captions.items()
    }
    entries, shared = drop_shared_groups(listed, "video")
    return match_files("msvd", media, entries, _PUBLISHED, "clip", shared)


def _split(clip: str) -> str:
    if clip <= _LAST_TRAIN:
        return "train"
    return "val" if clip <= _LAST_VAL else "test"


def _read_captions(folder: Path) -> Iterator[tuple[str, str]]:
    """(clip, sentence) in the order of the file."""
    for name in _TABLES:
        if (folder / name).is_file():
            return _read_table(folder / name)
    if (folder / _TEXT).is_file():
        return _read_text(folder / _TEXT)
    raise ValueError(f"msvd: expected {', '.join(_TABLES)} or {_TEXT} in {folder}, found none")


def _read_table(path: Path) -> Iterator[tuple[str, str]]:
    for row in read_rows(path, _COLUMNS):
        if row.text("Language") == _LANGUAGE and (caption := row.text("Description")):
            yield f"{row.word('VideoID')}_{row.whole('Start')}_{row.whole('End')}", caption


def _read_text(path: Path) -> Iterator[tuple[str, str]]:
    for number, line in read_lines(path):
        if line.startswith("#"):
            continue
        clip, _, caption = line.partition(" ")
        if not caption or clip.count("_") < 2:
            raise ValueError(f"{path}:{number}: expected 'ID_START_END a sentence', got {line!r}")
        yield clip, caption.strip()
