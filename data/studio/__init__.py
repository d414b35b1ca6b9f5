"""Studio: a synthetic corpus, made by rnnmm on the spot; no recordings of people.

In each clip a synthetic voice reads a command of a small grammar while a drawn figure does
something before a wall. One clip has a transcript, a speaker, an action and captions, so that one
store serves four tasks on a machine that has nothing else.
"""

import json
import logging
import os
from dataclasses import asdict
from pathlib import Path

from rnnmm.data.studio.crew import make_clips
from rnnmm.data.studio.grammar import captions
from rnnmm.data.studio.plan import Clip, plan_clips
from rnnmm.domain import Count, Size
from rnnmm.manifest import Item, Manifest

VERSION = 1  # counts up whenever the same seed gives other clips
FINDINGS = (
    "synthetic: made by rnnmm (espeak-ng voices, drawn figures), not recordings; numbers "
    "measured on it show that the program works, not how well it hears or sees people",
)
_LIST = "clips.jsonl"

logger = logging.getLogger(__name__)


def prepare(root: str, num_clips: Size = 672, seed: Count = 0, workers: Size = 2) -> Manifest:
    """Makes the clips that are not there yet, and lists them.

    They lie in a folder of their own below the root, named by version, size and seed, so that
    other settings never mix. The bytes depend on the seed, the processor and the versions of
    espeak-ng, FFmpeg, OpenCV, NumPy and SciPy, not on the workers. It may be interrupted
    anywhere: a rerun goes on, and makes again what has gone or changed its size since it was
    listed.

    Args:
        root: where to put them; made if needed.
        num_clips: at least 84; one in seven is val, one in seven test. A multiple of 672 deals
            every pair of speaker and action equally often into every split.
        seed: of everything drawn by lot, 0 or more.
        workers: processes; 1: this process alone.

    Raises:
        ValueError: A number out of range.
    """
    _check_at_least("seed", seed, 0)
    _check_at_least("workers", workers, 1)
    clips = plan_clips(num_clips, seed)
    folder = Path(root) / f"studio_v{VERSION}_{num_clips}clips_seed{seed}"
    items = tuple(map(_to_item, clips))
    listed = _read_list(folder)
    missing = [
        clip for clip, item in zip(clips, items, strict=True) if not _is_made(folder, item, listed)
    ]
    if missing:
        logger.info("making %d synthetic clips in %s", len(missing), folder)
        make_clips(missing, seed, folder, workers)
    if missing or listed is None:
        _write_list(folder, items)
    return Manifest("studio", folder, items, FINDINGS)


def _check_at_least(option: str, value: int, least: int) -> None:
    if value < least:
        raise ValueError(f"dataset.{option}: expected at least {least}, got {value}")


def _to_item(clip: Clip) -> Item:
    # No group: every speaker is in every split by design. What is held out, sentences and
    # combinations of action, colour and wall, is dealt apart: no single name stands for both.
    return Item(
        id=clip.id,
        path=clip.file_name,
        split=clip.split,
        text=clip.text,
        speaker=clip.speaker.name,
        label=clip.action,
        captions=captions(clip.action, clip.colour, clip.background),
    )


def _is_made(folder: Path, item: Item, listed: frozenset[str] | None) -> bool:
    """Whether the clip is there and, once there is a list, as long as listed."""
    if not (folder / item.path).is_file():
        return False
    return listed is None or _to_row(folder, item) in listed


def _to_row(folder: Path, item: Item) -> str:
    known = {name: value for name, value in asdict(item).items() if name != "segments"}
    row = {"synthetic": True, "bytes": (folder / item.path).stat().st_size, **known}
    return json.dumps(row, sort_keys=True)


def _read_list(folder: Path) -> frozenset[str] | None:
    try:
        return frozenset((folder / _LIST).read_text("utf-8", "replace").splitlines())
    except FileNotFoundError:
        return None


def _write_list(folder: Path, items: tuple[Item, ...]) -> None:
    """The list is written last and whole: where it lies, every clip has been made."""
    unfinished = folder / f".{_LIST}.{os.getpid()}"
    unfinished.write_text("".join(_to_row(folder, item) + "\n" for item in items), "utf-8")
    unfinished.replace(folder / _LIST)
