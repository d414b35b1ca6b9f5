"""CMU AN4 (the "census" corpus): spelled names, dates and commands, as MFCC files or as sound."""

import posixpath
import re
from collections.abc import Mapping
from pathlib import Path

from rnnmm.data.finding import report_files, report_sizes, to_manifest
from rnnmm.data.listing import AUDIO, FEATURE, open_media, read_split_lists
from rnnmm.data.split import assign_splits, hash_order
from rnnmm.data.textfile import read_lines
from rnnmm.domain import Count, Folder
from rnnmm.manifest import Item, Manifest, check_count

_PUBLISHED = {"train": 948, "test": 130}
_LINE = re.compile(r"(.*?)\s*\(([^()\s]+)\)")
_MARKS = frozenset({"<s>", "</s>", "<sil>"})


def prepare(root: Folder, val_speakers: Count = 7, split_seed: int = 0) -> Manifest:
    """Lists the utterances of ``etc/an4_{train,test}.{fileids,transcription}``.

    Files are looked for in ``feat/`` (MFCC), else in ``wav/`` (sound). Either part may be missing.
    Some speakers of the train part become val, whole; the official test stays as it is. Where
    ``etc`` lists neither part, every file counts as test.

    Args:
        root: the corpus folder.
        val_speakers: >= 0, how many of the train part's listed speakers (74 in the release)
            become val; never more than half of them.
        split_seed: any integer; changes which speakers those are.

    Returns:
        Items with text, speaker (the folder's name) and the speaker as group.

    Raises:
        ValueError: No files, none with a transcript, or a line that cannot be read.
    """
    if val_speakers < 0:
        raise ValueError(f"an4: expected dataset.val_speakers >= 0, got {val_speakers}")
    layout = "feat/an4_clstk/SPEAKER/*.mfc or wav/**/*.sph"
    media = open_media("an4", root, ("feat", "wav"), FEATURE + AUDIO, layout)
    etc = media.root / "etc"
    listed = _carve_val(_read_lists(etc), val_speakers, split_seed)
    files = _locate(listed, media.stems)
    splits, differences = assign_splits(files, listed)
    texts = _read_transcripts(etc)
    items = [
        _item(files[stem], split, stem, texts[posixpath.basename(stem)])
        for stem, split in sorted(splits.items())
        if posixpath.basename(stem) in texts
    ]
    mute = [stem for stem in splits if posixpath.basename(stem) not in texts]
    findings = (
        *_check_counts(items),
        *differences,
        *report_files("without a transcript in etc, not used", mute),
        *report_sizes(items),
        *media.findings,
    )
    return to_manifest("an4", media.root, items, findings)


def _item(path: str, split: str, stem: str, text: str) -> Item:
    speaker = _speaker_of(stem)
    return Item(posixpath.basename(stem), path, split, text=text, speaker=speaker, group=speaker)


def _read_lists(etc: Path) -> dict[str, str]:
    """Listed file stem -> split; a part without ``fileids`` is what its transcripts name."""
    lists = {split: (f"an4_{split}.fileids",) for split in _PUBLISHED}
    splits = read_split_lists(etc, lists, FEATURE + AUDIO)
    for split in _PUBLISHED:
        transcripts = etc / f"an4_{split}.transcription"
        if split not in splits.values() and transcripts.is_file():
            splits.update(dict.fromkeys(_read_transcription(transcripts), split))
    return splits


def _read_transcripts(etc: Path) -> dict[str, str]:
    """Utterance id -> text, of all the parts."""
    texts: dict[str, str] = {}
    for path in sorted(etc.glob("*.transcription")):
        texts.update(_read_transcription(path))
    return texts


def _read_transcription(path: Path) -> dict[str, str]:
    """Reads lines ``WORDS (utterance-id)``, with or without ``<s>`` and ``</s>`` around them."""
    texts: dict[str, str] = {}
    for number, line in read_lines(path):
        match = _LINE.fullmatch(line)
        if not match:
            raise ValueError(f"{path}:{number}: expected 'WORDS (utterance-id)', got {line!r}")
        words, utterance = match.groups()
        if utterance in texts:
            raise ValueError(f"{path}:{number}: {utterance} is already there above; keep one")
        texts[utterance] = " ".join(word for word in words.split() if word not in _MARKS)
    return texts


def _locate(listed: Mapping[str, str], found: Mapping[str, str]) -> dict[str, str]:
    """The files found, under their listed names where the utterance id is the same."""
    by_id = {posixpath.basename(stem): path for stem, path in found.items()}
    located = {stem: found.get(stem, by_id.get(posixpath.basename(stem))) for stem in listed}
    files = {stem: path for stem, path in located.items() if path is not None}
    taken = set(files.values())
    return files | {stem: path for stem, path in found.items() if path not in taken}


def _carve_val(listed: dict[str, str], val_speakers: int, seed: int) -> dict[str, str]:
    speakers = {_speaker_of(stem) for stem, split in listed.items() if split == "train"}
    val = set(hash_order(speakers, seed)[: min(val_speakers, len(speakers) // 2)])
    return {
        stem: "val" if split == "train" and _speaker_of(stem) in val else split
        for stem, split in listed.items()
    }


def _speaker_of(stem: str) -> str:
    """The folder's name; without a folder, the second field of ids such as an251-fash-b."""
    folder, _, utterance = stem.rpartition("/")
    return posixpath.basename(folder) or utterance.split("-")[min(1, utterance.count("-"))]


def _check_counts(items: list[Item]) -> tuple[str, ...]:
    num_test = sum(item.split == "test" for item in items)
    return (
        *check_count("train utterances", len(items) - num_test, _PUBLISHED["train"]),
        *check_count("test utterances", num_test, _PUBLISHED["test"]),
    )
