"""Lists of comparisons: read, written, all of them or a sample.

Conventions
    One trial a line: ``enrol test target`` or ``enrol test nontarget``, ids without spaces. In
    memory a trial is a pair of places in a list of ids: a million of them are three arrays.
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from rnnmm.manifest import name_some
from rnnmm.metrics.verification import Scores
from rnnmm.store.commit import commit_bytes

_WORDS = ("nontarget", "target")


@dataclass(frozen=True, eq=False)
class Trials:
    """Comparisons of clips.

    Args:
        enrolled: ``(I,)`` int64, places in a list of ids.
        tests: ``(I,)`` int64, likewise.
        is_target: ``(I,)`` bool, whether both are of one person.
    """

    enrolled: NDArray[np.int64]
    tests: NDArray[np.int64]
    is_target: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.is_target)

    def moved(self, places: Sequence[int]) -> Self:
        """The same of another list of ids, where the j-th of the first stands at ``places[j]``."""
        to = np.array(places, np.int64)
        return replace(self, enrolled=to[self.enrolled], tests=to[self.tests])


def read_trials(path: Path, ids: Sequence[str]) -> Trials:
    """Reads a list; blank lines are skipped, and a byte order mark or CRLF changes nothing.

    Args:
        path: UTF-8 text.
        ids: ``(J,)`` that may be named.

    Raises:
        ValueError: A line that is no trial, an id that is not known, a pair that comes twice (in
            either order), or no trial at all; names the line.
    """
    place = {id: number for number, id in enumerate(ids)}
    first_line: dict[tuple[int, int], int] = {}
    rows: list[tuple[int, int, bool]] = []
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeError as error:
        raise ValueError(f"{path}: expected UTF-8, got {error}") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        row = _parse(line, f"{path}:{number}", place)
        pair = (min(row[:2]), max(row[:2]))
        if first_line.setdefault(pair, number) != number:
            raise ValueError(
                f"{path}:{number}: expected each pair once, got {line.strip()!r} again after line "
                f"{first_line[pair]}"
            )
        rows.append(row)
    if not rows:
        raise ValueError(f"{path}: expected lines 'enrol test target|nontarget', got none")
    enrolled, tests, is_target = zip(*rows)
    return Trials(np.array(enrolled, np.int64), np.array(tests, np.int64), np.array(is_target))


def write_trials(path: Path, trials: Trials, ids: Sequence[str]) -> None:
    """Writes what `read_trials` reads.

    Raises:
        ValueError: An id is empty or has a space in it.
    """
    if odd := [repr(id) for id in ids if id.split() != [id]]:
        raise ValueError(f"{path}: expected ids without spaces, got {name_some(odd)}")
    columns = (trials.enrolled.tolist(), trials.tests.tolist(), trials.is_target.tolist())
    lines = (f"{ids[e]} {ids[t]} {_WORDS[same]}\n" for e, t, same in zip(*columns))
    commit_bytes(path, "".join(lines).encode())


def scored_lines(
    trials: Trials, ids: Sequence[str], scores: Scores, log_ratios: Scores
) -> Iterator[str]:
    """What came out of each trial: enrol, test, target or nontarget, score, log-likelihood ratio.

    Between them are tabs, so that the first three columns are a list of trials.

    Args:
        trials: I of them.
        ids: ``(J,)`` that their places are in.
        scores: ``(I,)``.
        log_ratios: ``(I,)``, natural.
    """
    columns = (trials.enrolled, trials.tests, trials.is_target, scores, log_ratios)
    for enrolled, test, same, score, ratio in zip(*(column.tolist() for column in columns)):
        yield f"{ids[enrolled]}\t{ids[test]}\t{_WORDS[same]}\t{score:.7g}\t{ratio:.7g}"


def all_pairs(speakers: Sequence[Hashable]) -> Trials:
    """Every pair of clips once, the earlier one enrolled.

    Args:
        speakers: ``(J,)`` who speaks in each clip.
    """
    codes = _codes(speakers)
    enrolled, tests = np.triu_indices(len(codes), k=1)
    return Trials(enrolled, tests, codes[enrolled] == codes[tests])


def sample_pairs(
    speakers: Sequence[Hashable], num_targets: int, num_nontargets: int, seed: int = 0
) -> Trials:
    """Some pairs of clips, none twice; the same arguments give the same pairs.

    Args:
        speakers: ``(J,)`` who speaks in each clip.
        num_targets: >= 0, of one person; where there are not so many, all of them.
        num_nontargets: >= 0, of two, likewise.
        seed: of the draw.

    Returns:
        Targets first, in both clips' order.
    """
    codes = _codes(speakers)
    order = np.argsort(codes, kind="stable")  # a person's clips next to one another
    row = np.arange(len(order))
    end = np.searchsorted(codes[order], codes[order], side="right")  # (J,) past that person
    generator = np.random.default_rng(seed)
    same = _draw(generator, row + 1, end - row - 1, num_targets)
    other = _draw(generator, end, len(order) - end, num_nontargets)
    pairs = np.sort(order[np.concatenate([same, other])], axis=1)  # (I, 2)
    return Trials(pairs[:, 0], pairs[:, 1], np.arange(len(pairs)) < len(same))


def _draw(
    generator: np.random.Generator,
    starts: NDArray[np.int64],
    counts: NDArray[np.int64],
    num_pairs: int,
) -> NDArray[np.int64]:
    """``(I, 2)`` pairs out of all ``(j, starts[j] + k)`` with ``k < counts[j]``, in order."""
    total = int(counts.sum())
    chosen = np.sort(generator.choice(total, min(num_pairs, total), replace=False))
    ends = np.cumsum(counts)
    first = np.searchsorted(ends, chosen, side="right")
    return np.stack([first, starts[first] + chosen - (ends - counts)[first]], axis=1)


def _parse(line: str, where: str, place: dict[str, int]) -> tuple[int, int, bool]:
    words = line.split()
    if len(words) != 3 or words[2] not in _WORDS:
        raise ValueError(f"{where}: expected 'enrol test target|nontarget', got {line.strip()!r}")
    if unknown := [repr(word) for word in words[:2] if word not in place]:
        raise ValueError(
            f"{where}: expected ids out of {len(place)} known ones, got {name_some(unknown)}"
        )
    return place[words[0]], place[words[1]], words[2] == "target"


def _codes(speakers: Sequence[Hashable]) -> NDArray[np.int64]:
    number: dict[Hashable, int] = {}
    return np.array([number.setdefault(name, len(number)) for name in speakers], np.int64)
