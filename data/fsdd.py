"""Free Spoken Digit Dataset: single English digits read by six people.

The official test is by take, not by speaker: takes 0-4 of every digit and speaker, so all
speakers are in all splits by design. ``speaker_out`` measures a speaker never heard instead.
"""

import difflib
import re
from typing import NamedTuple

from rnnmm.data.finding import report_files, report_sizes, to_manifest
from rnnmm.data.listing import AUDIO, VIDEO, Media, open_media
from rnnmm.domain import Count, Folder
from rnnmm.manifest import Item, Manifest, check_count

_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_NAME = re.compile(r"([0-9])_(.+)_([0-9]+)")
_TEST_TAKES = 5  # the official test is takes 0-4
_PUBLISHED_RECORDINGS = 3000
_PUBLISHED_SPEAKERS = 6


class _Recording(NamedTuple):
    stem: str
    path: str
    digit: str
    speaker: str
    take: int


def prepare(root: Folder, speaker_out: str | None = None, num_val_takes: Count = 5) -> Manifest:
    """Lists the recordings ``{digit}_{speaker}_{take}.wav`` of ``recordings/`` or of the root.

    Args:
        root: the corpus folder.
        speaker_out: a speaker whose recordings, all of them, are the test; the official test
            takes of the others are then val. None: the official split.
        num_val_takes: >= 0, how many takes after the official test ones are val in the official
            split (5: takes 5-9).

    Returns:
        Items with text (the digit as a word), the same as label, and speaker.

    Raises:
        ValueError: No recordings; no such speaker; a negative number of takes.
    """
    layout = "recordings/{digit}_{speaker}_{index}.wav"
    media = open_media("fsdd", root, ("recordings",), AUDIO + VIDEO, layout)
    recordings = _parse(media)
    speakers = {recording.speaker for recording in recordings}
    _check_options(speaker_out, num_val_takes, speakers)
    items = [_item(r, _split(r, speaker_out, num_val_takes)) for r in recordings]
    known = {recording.path for recording in recordings}
    odd = [path for path in media.stems.values() if path not in known]
    findings = (
        *check_count("recordings", len(recordings), _PUBLISHED_RECORDINGS),
        *check_count("speakers", len(speakers), _PUBLISHED_SPEAKERS),
        *report_files("not named DIGIT_SPEAKER_TAKE, not used", odd),
        *report_sizes(items),
        *media.findings,
    )
    return to_manifest("fsdd", media.root, items, findings)


def _parse(media: Media) -> list[_Recording]:
    recordings = []
    for stem, path in media.stems.items():
        if match := _NAME.fullmatch(stem):
            digit, speaker, take = match.groups()
            recordings.append(_Recording(stem, path, _DIGITS[int(digit)], speaker, int(take)))
    return recordings


def _split(recording: _Recording, speaker_out: str | None, num_val_takes: int) -> str:
    if speaker_out is not None:
        if recording.speaker == speaker_out:
            return "test"
        return "val" if recording.take < _TEST_TAKES else "train"
    if recording.take < _TEST_TAKES:
        return "test"
    return "val" if recording.take < _TEST_TAKES + num_val_takes else "train"


def _item(recording: _Recording, split: str) -> Item:
    # No group: train and val share their speakers in both kinds of split, by design.
    return Item(
        recording.stem,
        recording.path,
        split,
        text=recording.digit,
        speaker=recording.speaker,
        label=recording.digit,
    )


def _check_options(speaker_out: str | None, num_val_takes: int, speakers: set[str]) -> None:
    if num_val_takes < 0:
        raise ValueError(f"fsdd: expected dataset.num_val_takes >= 0, got {num_val_takes}")
    if not speakers or speaker_out is None or speaker_out in speakers:
        return
    near = difflib.get_close_matches(speaker_out, speakers, n=1)
    meant = f"; did you mean {near[0]}?" if near else ""
    raise ValueError(
        f"fsdd: expected dataset.speaker_out to be one of {', '.join(sorted(speakers))}, "
        f"got {speaker_out!r}{meant}"
    )
