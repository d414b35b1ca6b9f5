"""RTTM, the text format of who spoke when.

One turn a line: ``SPEAKER file 1 start_s duration_s <NA> <NA> name <NA> <NA>``.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from rnnmm.manifest import name_some
from rnnmm.metrics.diarisation import Turn
from rnnmm.store.commit import commit_bytes

_MIN_FIELDS = 8


def read_rttm(path: Path) -> dict[str, list[Turn]]:
    """The turns of each recording, in the file's order.

    Lines of other kinds than SPEAKER, comments (``;;``) and blank lines are skipped.

    Args:
        path: UTF-8 text.

    Raises:
        ValueError: A SPEAKER line without its fields, a start that is no number >= 0, or a
            duration that is none > 0; names the line.
    """
    recordings: dict[str, list[Turn]] = {}
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeError as error:
        raise ValueError(f"{path}: expected UTF-8, got {error}") from error
    for number, line in enumerate(lines, 1):
        fields = line.split()
        if fields[:1] == ["SPEAKER"]:
            turn = _parse(fields, f"{path}:{number}")
            recordings.setdefault(fields[1], []).append(turn)
    return recordings


def write_rttm(path: Path, recordings: Mapping[str, Sequence[Turn]]) -> None:
    """Writes turns, three decimals a time, recording by recording.

    Raises:
        ValueError: The name of a recording or of a speaker is empty or has a space in it.
    """
    names = [*recordings, *(turn.speaker for turns in recordings.values() for turn in turns)]
    if odd := [repr(name) for name in dict.fromkeys(names) if name.split() != [name]]:
        raise ValueError(f"{path}: expected names without spaces, got {name_some(odd)}")
    lines = [
        f"SPEAKER {name} 1 {turn.start_s:.3f} {_duration_s(turn):.3f} <NA> <NA> "
        f"{turn.speaker} <NA> <NA>\n"
        for name, turns in recordings.items()
        for turn in turns
    ]
    commit_bytes(path, "".join(lines).encode())


def _duration_s(turn: Turn) -> float:
    """At least what three decimals can say: nobody speaks for no time."""
    return max(turn.end_s - turn.start_s, 0.001)


def _parse(fields: Sequence[str], where: str) -> Turn:
    if len(fields) < _MIN_FIELDS:
        raise ValueError(
            f"{where}: expected SPEAKER with at least {_MIN_FIELDS} fields, got {len(fields)}"
        )
    try:
        start_s, duration_s = float(fields[3]), float(fields[4])
    except ValueError:
        start_s = duration_s = math.nan
    if not (0 <= start_s < math.inf and 0 < duration_s < math.inf):
        raise ValueError(
            f"{where}: expected a start >= 0 and a duration > 0 in seconds, got {fields[3]!r} "
            f"and {fields[4]!r}"
        )
    return Turn(start_s, start_s + duration_s, fields[7])
