"""RAVDESS: two sentences said, or sung, by 24 actors in eight emotions."""

import posixpath
from typing import Literal, NamedTuple

from rnnmm.data.finding import report_files, report_sizes, to_manifest
from rnnmm.data.listing import AUDIO, Media, open_media
from rnnmm.data.split import check_fractions, split_by_hash
from rnnmm.domain import Folder, Probability
from rnnmm.manifest import Item, Manifest, check_count

_EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
_STATEMENTS = ("kids are talking by the door", "dogs are sitting by the door")
_CHANNELS = {"speech": 1, "song": 2}
_AUDIO_ONLY = 3
# The largest value of each part of a name: modality, channel, emotion, intensity, statement,
# repetition, actor.
_LARGEST = (3, 2, 8, 2, 2, 2, 24)
_PUBLISHED_FILES = {"speech": 1440, "song": 1012}

Channel = Literal["speech", "song"]


class _Recording(NamedTuple):
    stem: str
    path: str
    parts: tuple[int, ...]

    @property
    def actor(self) -> int:
        return self.parts[6]


def prepare(
    root: Folder,
    channel: Channel = "speech",
    val_fraction: Probability = 0.15,
    test_fraction: Probability = 0.25,
    split_seed: int = 0,
) -> Manifest:
    """Lists ``Actor_NN/03-CC-EE-II-SS-RR-NN.wav``: the sound without pictures.

    Args:
        root: the corpus folder.
        channel: "speech" or "song"; nobody sings in disgust or surprise.
        val_fraction: in [0, 1), of the actors of either gender; the release has no split.
        test_fraction: in [0, 1), likewise.
        split_seed: any integer.

    Returns:
        Items with the emotion as label, the sentence as text, and the actor as speaker and group.

    Raises:
        ValueError: No recordings, or fractions that leave nothing to train on.
    """
    check_fractions(val_fraction=val_fraction, test_fraction=test_fraction)
    layout = "Actor_NN/03-CC-EE-II-SS-RR-NN.wav"
    media = open_media("ravdess", root, (), AUDIO, layout)
    named = _parse(media)
    used = [r for r in named if r.parts[:2] == (_AUDIO_ONLY, _CHANNELS[channel])]
    # From all 24, so that a part of the corpus has the splits of the whole.
    genders = {str(actor): "m" if actor % 2 else "f" for actor in range(1, _LARGEST[6] + 1)}
    splits = split_by_hash(genders, val_fraction, test_fraction, split_seed)
    items = [_item(recording, splits[str(recording.actor)]) for recording in used]
    known = {recording.path for recording in named}
    findings = (
        *check_count("recordings", len(items), _PUBLISHED_FILES[channel]),
        *report_files(f"not {channel} alone, not used", [r.path for r in named if r not in used]),
        *report_files("not named as published, not used",
                      [path for path in media.stems.values() if path not in known]),
        f"no split lists in the release: split drawn by actor (seed {split_seed})",
        *report_sizes(items),
        *media.findings,
    )  # fmt: skip
    return to_manifest("ravdess", media.root, items, findings)


def _parse(media: Media) -> list[_Recording]:
    recordings = []
    for stem, path in media.stems.items():
        words = posixpath.basename(stem).split("-")
        if len(words) == len(_LARGEST) and all(len(w) == 2 and w.isdecimal() for w in words):
            parts = tuple(map(int, words))
            if all(1 <= part <= largest for part, largest in zip(parts, _LARGEST)):
                recordings.append(_Recording(posixpath.basename(stem), path, parts))
    return recordings


def _item(recording: _Recording, split: str) -> Item:
    _, _, emotion, _, statement, _, actor = recording.parts
    speaker = f"Actor_{actor:02d}"
    return Item(
        recording.stem,
        recording.path,
        split,
        text=_STATEMENTS[statement - 1],
        speaker=speaker,
        label=_EMOTIONS[emotion - 1],
        group=speaker,
    )
