"""GRID, all speakers: audio-visual commands such as "bin blue at f two now", 1,000 of each."""

import posixpath
from collections.abc import Iterable, Mapping
from typing import Literal

from rnnmm.data.alignment import read_words
from rnnmm.data.finding import report_files, report_sizes, to_manifest
from rnnmm.data.listing import AUDIO, VIDEO, Media, find_media, open_media
from rnnmm.data.split import split_by_hash
from rnnmm.domain import Folder, Probability
from rnnmm.manifest import Item, Manifest, check_count

SplitBy = Literal["speaker", "overlap"]

_SPEAKERS = tuple(f"s{number}" for number in range(1, 35))
_UNSEEN = frozenset({"s1", "s2", "s20", "s22"})
_TEST_SHARE = 0.255  # 255 of each speaker's thousand
_PUBLISHED_CLIPS = 34_000  # a thousand of them, by s21, were published without pictures


def prepare(
    root: Folder,
    split_by: SplitBy = "speaker",
    val_fraction: Probability = 0.1,
    split_seed: int = 0,
) -> Manifest:
    """Lists clips ``sN/ID.mpg`` with the words of ``align/ID.align``, as far down as they lie.

    A folder named ``sN`` tells the speaker, of clips and of alignments (``sN/align/ID.align``,
    ``align/sN/ID.align``); alignments without one are everybody's. A clip that is there with and
    without pictures is taken with them.

    Args:
        root: the corpus folder.
        split_by: "speaker": nobody is in two splits, the test is s1, s2, s20 and s22, as in
            LipNet; "overlap": everybody is in all of them, the test is 25.5 % of each one's
            sentences, LipNet's 255 of 1,000, drawn by hash.
        val_fraction: in [0, 1), of the other speakers, or of each one's sentences.
        split_seed: any integer; changes what is drawn.

    Returns:
        Items with text, its words as segments, and speaker, who is also the group when the split
        is by speaker.

    Raises:
        ValueError: No clips, none with its words, or a line that cannot be read.

    Source:
        Assael et al., "LipNet: End-to-End Sentence-level Lipreading", arXiv 1611.01599.
    """
    media = open_media("grid", root, (), VIDEO + AUDIO, "sN/ID.mpg and align/ID.align")
    clips = _find_clips(media)
    splits = _split(clips, split_by, val_fraction, split_seed)
    alignments = _find_alignments(media, clips)
    items = [
        _item(media, clip, clips[clip], split, alignments[clip], split_by)
        for clip, split in splits.items()
        if clip in alignments
    ]
    mute = [clip for clip in clips if clip not in alignments]
    odd = [path for stem, path in media.stems.items() if _key(stem) is None]
    return to_manifest(
        "grid",
        media.root,
        items,
        (
            *check_count("clips", len(clips), _PUBLISHED_CLIPS),
            *check_count("speakers", len({item.speaker for item in items}), len(_SPEAKERS)),
            *report_files("outside the folders s1 to s34, not used", odd, "clip"),
            *report_files("without an alignment, not used", mute, "clip"),
            *report_sizes(items),
            *media.findings,
        ),
    )


def _item(
    media: Media, clip: str, path: str, split: str, alignment: str, split_by: SplitBy
) -> Item:
    words = tuple(read_words(media.root / alignment))
    speaker = clip.split("/")[0]
    return Item(
        clip,
        path,
        split,
        text=" ".join(word.label for word in words),
        speaker=speaker,
        group=speaker if split_by == "speaker" else None,
        segments=words,
    )


def _split(
    clips: Mapping[str, str], split_by: SplitBy, val_fraction: float, seed: int
) -> dict[str, str]:
    if split_by == "overlap":
        speakers = {clip: clip.split("/")[0] for clip in clips}
        return split_by_hash(speakers, val_fraction, _TEST_SHARE, seed)
    # Of all that were published: the same for a part of the corpus.
    seen = split_by_hash(dict.fromkeys(set(_SPEAKERS) - _UNSEEN, ""), val_fraction, 0.0, seed)
    return {clip: seen.get(clip.split("/")[0], "test") for clip in clips}


def _find_clips(media: Media) -> dict[str, str]:
    """``sN/ID`` -> path, those with pictures first."""
    paths = sorted(media.stems.values(), key=lambda path: (_is_sound(path), path))
    clips: dict[str, str] = {}
    for path in paths:
        if key := _key(posixpath.splitext(path)[0]):
            clips.setdefault(key, path)
    return dict(sorted(clips.items()))


def _find_alignments(media: Media, clips: Iterable[str]) -> dict[str, str]:
    """``sN/ID`` -> path of its alignment."""
    found = find_media(media.root, ".", (".align",)).stems
    own = {key: path for stem, path in found.items() if (key := _key(stem))}
    shared = {posixpath.basename(s): path for s, path in found.items() if _key(s) is None}
    theirs = {
        clip: shared[posixpath.basename(clip)]
        for clip in clips
        if posixpath.basename(clip) in shared
    }
    return {**theirs, **own}


def _key(stem: str) -> str | None:
    """``sN/ID``, where a folder on the way names one of the speakers."""
    *folders, id = stem.split("/")
    speaker = next((folder for folder in folders if folder in _SPEAKERS), None)
    return f"{speaker}/{id}" if speaker else None


def _is_sound(path: str) -> bool:
    return posixpath.splitext(path)[1].lower() in AUDIO
