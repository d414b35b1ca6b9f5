"""The quarantine ledger: which items hold nothing, and why."""

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from rnnmm.manifest import name_some
from rnnmm.store.commit import commit_bytes

LEDGER_NAME = "quarantine.jsonl"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of ``quarantine.jsonl``.

    Args:
        id: the item's; empty for a file that never became an item.
        path: relative to the manifest's root.
        stage: "scan" for files the recipe passed over, "decode" for items that are lost.
        reason: one line.
    """

    id: str
    path: str
    stage: Literal["scan", "decode"]
    reason: str


def write_ledger(folder: Path, entries: Iterable[Entry]) -> None:
    """Writes the ledger of a store, whole or not at all."""
    lines = [json.dumps(asdict(entry)) + "\n" for entry in entries]
    commit_bytes(folder / LEDGER_NAME, "".join(lines).encode())


def read_ledger(folder: Path) -> list[Entry]:
    """The ledger of a store, in manifest order."""
    lines = (folder / LEDGER_NAME).read_text(encoding="utf-8").splitlines()
    return [Entry(**json.loads(line)) for line in lines]


def check_bad_fraction(folder: Path, num_items: int, max_bad_fraction: float) -> None:
    """Fails when a store has lost more of its items than allowed.

    Raises:
        ValueError: It names the count, the first items with their reasons, and the ledger.
    """
    lost = [entry for entry in read_ledger(folder) if entry.stage == "decode"]
    if len(lost) <= max_bad_fraction * num_items + 1e-9:  # 0.29 * 100 is less than 29
        return
    enough = math.ceil(len(lost) / num_items * 1e4) / 1e4
    culprits = name_some(f"{entry.id} ({entry.path}: {entry.reason})" for entry in lost)
    advice = f"mend or remove them, or set preprocess.max_bad_fraction={enough:.4f}"
    if len(lost) == num_items:
        advice = "is it the right folder, and does it hold the kind of media that is asked for?"
    raise ValueError(
        f"{len(lost)} of {num_items} items could not be decoded, expected at most "
        f"{max_bad_fraction:.4g} of them: {culprits}; all are listed in {folder / LEDGER_NAME}; "
        f"{advice}"
    )
