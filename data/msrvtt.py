"""MSR-VTT: 10,000 clips of web videos, 20 sentences each."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from rnnmm.data.listed import Entry, collect, drop_shared_groups, flatten, match_files
from rnnmm.data.listing import VIDEO, open_media, pick_folder
from rnnmm.data.record import Record, read_object
from rnnmm.domain import Folder
from rnnmm.manifest import Manifest

_LIST_FOLDERS = ("annotations", "annotation")
_WHOLE = ("videodatainfo_2016.json", "videodatainfo.json", "MSRVTT_data.json")
_PARTS = ("train_val_videodatainfo.json", "test_videodatainfo.json")
_SPLITS = {"train": "train", "validate": "val", "test": "test"}
_PUBLISHED = {"train": 6513, "val": 497, "test": 2990}


def prepare(root: Folder) -> Manifest:
    """Reads ``videodatainfo`` and finds its clips, ``video0.mp4``, anywhere below the root.

    That is one file with all clips, or ``train_val_videodatainfo.json`` and
    ``test_videodatainfo.json``, either of which may be missing; in ``annotations/`` or the root.

    Args:
        root: the corpus folder.

    Returns:
        Items with captions; the group is the address of the web video. The published split is
        kept even where it shares a video, which is then a finding.

    Raises:
        ValueError: No clips or no lists, none of the clips listed, an entry that cannot be read,
            or a clip that is listed twice.
    """
    layout = "video0.mp4, and train_val_videodatainfo.json or videodatainfo_2016.json"
    media = flatten(open_media("msrvtt", root, (), VIDEO, layout))
    lists = media.root / pick_folder(media.root, _LIST_FOLDERS)
    listed = collect(row for path in _find_lists(lists) for row in _read_list(path))
    entries, shared = drop_shared_groups(listed, "video")
    return match_files("msrvtt", media, entries, _PUBLISHED, "clip", shared)


def _find_lists(folder: Path) -> list[Path]:
    whole = [folder / name for name in _WHOLE if (folder / name).is_file()]
    parts = [folder / name for name in _PARTS if (folder / name).is_file()]
    if not whole and not parts:
        known = ", ".join((*_PARTS, *_WHOLE))
        raise ValueError(f"msrvtt: expected {known} in {folder}, found none")
    return whole[:1] or parts


def _read_list(path: Path) -> Iterator[tuple[str, str, Entry]]:
    info = read_object(path)
    captions: dict[str, list[str]] = defaultdict(list)
    for sentence in info.records("sentences"):
        captions[sentence.word("video_id")].append(sentence.text("caption"))
    for video in info.records("videos"):
        clip = video.word("video_id")
        texts = tuple(text for text in captions[clip] if text)
        group = video.text("url") or None
        yield video.where, clip, Entry(_split(video), captions=texts, group=group)


def _split(video: Record) -> str:
    split = video.word("split")
    if split not in _SPLITS:
        raise ValueError(f"{video.where}: expected split train, validate or test, got {split!r}")
    return _SPLITS[split]
