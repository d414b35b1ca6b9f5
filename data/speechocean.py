"""speechocean762: English sentences read by speakers of Mandarin, in Kaldi data directories."""

import posixpath
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from rnnmm.data.finding import report_files, report_sizes, to_manifest
from rnnmm.data.listing import AUDIO, Media, open_media, strip_extension
from rnnmm.data.split import check_fractions, split_by_hash
from rnnmm.data.textfile import read_table
from rnnmm.domain import Folder, Probability
from rnnmm.manifest import Item, Manifest, check_count

_PUBLISHED_UTTERANCES = 5000
_PUBLISHED_SPEAKERS = 250
_PARTS = ("train", "test")
_TABLES = ("wav.scp", "text", "utt2spk")


SplitBy = Literal["speaker", "utterance", "none"]


class _Utterance(NamedTuple):
    id: str
    part: str  # "train" or "test" in the release's layout, else ""
    path: str | None
    text: str | None
    speaker: str | None
    gender: str


def prepare(
    root: Folder,
    split_by: SplitBy = "speaker",
    val_fraction: Probability = 0.1,
    test_fraction: Probability = 0.2,
    split_seed: int = 0,
) -> Manifest:
    """Reads ``wav.scp``, ``text``, ``utt2spk`` and, if there, ``spk2gender``.

    They lie in ``train/`` and ``test/`` as in the release, whose test then stays the test, or in
    the root. Paths in ``wav.scp`` are below the root; another audio extension is found as well.

    Args:
        root: the corpus folder.
        split_by: "speaker": no speaker is in two splits, and each split has its share of either
            gender (recognition, verification); "utterance": every speaker is in every split, the
            release's own split is left aside (closed-set identification); "none": all is test.
        val_fraction: in [0, 1), of speakers, or of each speaker's utterances.
        test_fraction: in [0, 1), likewise; without effect where the release's test is kept.
        split_seed: any integer.

    Returns:
        Items with text and speaker, which is also the group when the split is by speaker.

    Raises:
        ValueError: No tables, a table line that is a command, or no utterance left.
    """
    check_fractions(val_fraction=val_fraction, test_fraction=test_fraction)
    layout = "wav.scp, text and utt2spk, and the sound they name"
    media = open_media("speechocean", root, (), AUDIO, layout)
    utterances = _read_parts(media)
    splits = _split(utterances, split_by, val_fraction, test_fraction, split_seed)
    usable = [u for u in utterances if u.path and u.text is not None and u.speaker]
    items = [_item(utterance, splits[utterance.id], split_by) for utterance in usable]
    findings = (
        *check_count("utterances", len(items), _PUBLISHED_UTTERANCES),
        *check_count("speakers", len({u.speaker for u in usable}), _PUBLISHED_SPEAKERS),
        *_differences(utterances, media),
        *_describe_rule(utterances, split_by, split_seed),
        *report_sizes(items),
        *media.findings,
    )
    return to_manifest("speechocean", media.root, items, findings)


def _item(utterance: _Utterance, split: str, split_by: SplitBy) -> Item:
    return Item(
        utterance.id,
        utterance.path or "",
        split,
        text=utterance.text,
        speaker=utterance.speaker,
        group=utterance.speaker if split_by == "speaker" else None,
    )


def _read_parts(media: Media) -> list[_Utterance]:
    parts = [part for part in _PARTS if (media.root / part / "wav.scp").is_file()]
    return [utterance for part in parts or [""] for utterance in _read_part(media, part)]


def _read_part(media: Media, part: str) -> list[_Utterance]:
    folder = media.root / part
    files, texts, speakers = (_read_table(folder / name) for name in _TABLES)
    genders = read_table(folder / "spk2gender") if (folder / "spk2gender").is_file() else {}
    _refuse_commands(folder / "wav.scp", files)
    return [
        _Utterance(
            id,
            part,
            _locate(media, part, path),
            texts.get(id),
            speakers.get(id),
            genders.get(speakers.get(id, ""), ""),
        )
        for id, path in files.items()
    ]


def _read_table(path: Path) -> dict[str, str]:
    if not path.is_file():
        raise ValueError(
            f"speechocean: expected {', '.join(_TABLES)} in {path.parent}, got no {path.name}; "
            f"set dataset.root=PATH to the corpus"
        )
    return read_table(path)


def _refuse_commands(path: Path, files: Mapping[str, str]) -> None:
    """Kaldi lets a table hold shell commands; data that runs programs is no data."""
    for id, value in files.items():
        if "|" in value:
            raise ValueError(
                f"{path}: {id}: expected a file, got the command {value!r}, which is never run; "
                f"write its sound to a file"
            )


def _locate(media: Media, part: str, path: str) -> str | None:
    below = path.removeprefix(f"{media.root.absolute().as_posix()}/")
    stem = strip_extension(below, AUDIO)
    return media.stems.get(stem) or media.stems.get(posixpath.join(part, stem))


def _split(
    utterances: list[_Utterance],
    split_by: SplitBy,
    val_fraction: float,
    test_fraction: float,
    seed: int,
) -> dict[str, str]:
    """Utterance id -> split, from what is listed, so that it is the same for a part of it."""
    if split_by == "none":
        return dict.fromkeys((u.id for u in utterances), "test")
    if split_by == "utterance":
        strata = {u.id: u.speaker or "" for u in utterances}
        return split_by_hash(strata, val_fraction, test_fraction, seed)
    has_test = any(u.part for u in utterances)
    genders = {u.speaker or "": u.gender for u in utterances if u.part != "test"}
    speakers = split_by_hash(genders, val_fraction, 0.0 if has_test else test_fraction, seed)
    return {u.id: "test" if u.part == "test" else speakers[u.speaker or ""] for u in utterances}


def _describe_rule(utterances: list[_Utterance], split_by: SplitBy, seed: int) -> tuple[str, ...]:
    if split_by == "none":
        return ("split_by=none: all items count as test",)
    if split_by == "speaker" and any(u.part for u in utterances):
        return ()
    return (
        f"no split lists used: split drawn by {split_by} (seed {seed}); "
        f"dataset.split_by=none makes all items test",
    )


def _differences(utterances: list[_Utterance], media: Media) -> tuple[str, ...]:
    used = {u.path for u in utterances}
    unlisted = [path for path in media.stems.values() if path not in used]
    mute = [u.id for u in utterances if u.text is None]
    unnamed = [u.id for u in utterances if not u.speaker]
    return (
        *report_files("listed but absent", [u.id for u in utterances if not u.path]),
        *report_files("without a text, not used", mute, "utterance"),
        *report_files("without a speaker, not used", unnamed, "utterance"),
        *report_files("in no list, not used", unlisted),
    )
