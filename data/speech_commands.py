"""Speech Commands: single words said by thousands of people, for keyword spotting."""

import hashlib
import posixpath
from collections.abc import Mapping

from rnnmm.data.finding import report_files, report_sizes, to_manifest
from rnnmm.data.listing import AUDIO, open_media, read_split_lists
from rnnmm.domain import Folder
from rnnmm.manifest import Item, Manifest, check_count

_LISTS = {"val": ("validation_list.txt",), "test": ("testing_list.txt",)}
_MARK = "_nohash_"  # between the speaker and the take in a file's name
_NOISE = "_background_noise_"
_PUBLISHED_UTTERANCES = 105_829
_PUBLISHED_WORDS = 35
# The release's own rule: of every hundred speakers, ten are val and the next ten test.
_LARGEST_HASH = 2**27 - 1
_VAL_PERCENT, _TEST_PERCENT = 10.0, 10.0


def prepare(root: Folder) -> Manifest:
    """Lists ``WORD/SPEAKER_nohash_TAKE.wav``; the long recordings of noise are left out.

    Args:
        root: the corpus folder, with ``validation_list.txt`` and ``testing_list.txt``; without
            them the rule by which the release made them is applied.

    Returns:
        Items with the word as label and text, and the speaker, who is also the group.

    Raises:
        ValueError: No recordings; a recording that is listed twice.
    """
    layout = "WORD/SPEAKER_nohash_TAKE.wav, validation_list.txt and testing_list.txt"
    media = open_media("speech_commands", root, (), AUDIO, layout)
    listed = read_split_lists(media.root, _LISTS, AUDIO)
    named = {stem: path for stem, path in media.stems.items() if _is_utterance(stem)}
    items = [_item(stem, path, listed) for stem, path in named.items()]
    odd = [p for s, p in media.stems.items() if s not in named and not s.startswith(_NOISE)]
    findings = (
        *check_count("utterances", len(items), _PUBLISHED_UTTERANCES),
        *check_count("words", len({item.label for item in items}), _PUBLISHED_WORDS),
        *report_files("listed but absent", [stem for stem in listed if stem not in named]),
        *(() if listed else ("no split lists: split by the release's own rule",)),
        *report_files("not named WORD/SPEAKER_nohash_TAKE, not used", odd),
        *report_sizes(items),
        *media.findings,
    )
    return to_manifest("speech_commands", media.root, items, findings)


def _is_utterance(stem: str) -> bool:
    word, _, name = stem.partition("/")
    speaker, mark, take = name.partition(_MARK)
    return bool(word and speaker and mark) and take.isdecimal() and word != _NOISE


def _item(stem: str, path: str, listed: Mapping[str, str]) -> Item:
    word = posixpath.dirname(stem)
    speaker = posixpath.basename(stem).partition(_MARK)[0]
    split = listed.get(stem, "train") if listed else _split_of(speaker)
    return Item(stem, path, split, text=word, speaker=speaker, label=word, group=speaker)


def _split_of(speaker: str) -> str:
    """The release's rule (its README, "which_set"): all of a speaker's words in one split."""
    number = int(hashlib.sha1(speaker.encode(), usedforsecurity=False).hexdigest(), 16)
    percent = number % (_LARGEST_HASH + 1) * (100.0 / _LARGEST_HASH)
    if percent < _VAL_PERCENT:
        return "val"
    return "test" if percent < _VAL_PERCENT + _TEST_PERCENT else "train"
