"""Word and character errors: minimum edit distance, counted.

Conventions
    A reference and a hypothesis are sequences of tokens: ``text.split()`` for words, the string
    itself for characters. Substitution, deletion and insertion cost 1 each. Among the alignments
    of least cost one is chosen by a fixed rule: what both sequences begin and end with is aligned
    to itself; in between, read from the end, a deletion goes before a substitution, that before an
    insertion, that before a hit. This is the alignment of rapidfuzz, hence jiwer's counts.

    Counts add; the rate of a corpus is the rate of the summed counts, never a mean of rates.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeVar

Op = Literal["hit", "substitution", "deletion", "insertion"]
_Value = TypeVar("_Value", int, str)


class Edit(NamedTuple):
    """One step of an alignment.

    op: what happened. reference: the token asked for, None under "insertion". hypothesis: the
    token answered, None under "deletion".
    """

    op: Op
    reference: str | None
    hypothesis: str | None


@dataclass(frozen=True, slots=True)
class ErrorCounts:
    """Counts of an alignment or, summed, of a corpus; without arguments those of nothing.

    Args:
        hits: tokens that are right.
        substitutions: tokens answered by another.
        deletions: tokens not answered.
        insertions: tokens answered and not asked for.
    """

    hits: int = 0
    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0

    def __add__(self, other: "ErrorCounts") -> "ErrorCounts":
        return ErrorCounts(
            self.hits + other.hits,
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
        )

    @property
    def errors(self) -> int:
        """Substitutions, deletions and insertions."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def reference_length(self) -> int:
        """The tokens asked for."""
        return self.hits + self.substitutions + self.deletions

    @property
    def rate(self) -> float:
        """Errors per token asked for; above 1 where insertions abound.

        Where nothing was asked for: 0.0 if nothing was answered, else infinity.
        """
        if self.reference_length:
            return self.errors / self.reference_length
        return math.inf if self.errors else 0.0


def count_errors(reference: Sequence[str], hypothesis: Sequence[str]) -> ErrorCounts:
    """Counts the edits that turn a reference into a hypothesis.

    Args:
        reference: ``(U,)`` tokens, or a string for its characters.
        hypothesis: ``(V,)`` likewise.

    Returns:
        Counts of the alignment that `align` gives.
    """
    counts = Counter(_ops(reference, hypothesis))
    return ErrorCounts(
        counts["hit"], counts["substitution"], counts["deletion"], counts["insertion"]
    )


def align(reference: Sequence[str], hypothesis: Sequence[str]) -> tuple[Edit, ...]:
    """Aligns a hypothesis to its reference at least cost.

    Args:
        reference: ``(U,)`` tokens, or a string for its characters.
        hypothesis: ``(V,)`` likewise.

    Returns:
        Edits in order. The reference tokens in it, read off, are the reference; the hypothesis
        tokens are the hypothesis.
    """
    asked, answered = iter(reference), iter(hypothesis)
    return tuple(
        Edit(
            op,
            None if op == "insertion" else next(asked),
            None if op == "deletion" else next(answered),
        )
        for op in _ops(reference, hypothesis)
    )


def _ops(reference: Sequence[str], hypothesis: Sequence[str]) -> list[Op]:
    start = _shared_length(reference, hypothesis)
    reference, hypothesis = reference[start:], hypothesis[start:]
    end = _shared_length(reference[::-1], hypothesis[::-1])
    reference = reference[: len(reference) - end]
    hypothesis = hypothesis[: len(hypothesis) - end]
    hit: list[Op] = ["hit"]
    return hit * start + _trace(reference, hypothesis) + hit * end


def _shared_length(a: Sequence[str], b: Sequence[str]) -> int:
    return next((n for n, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))


def _trace(reference: Sequence[str], hypothesis: Sequence[str]) -> list[Op]:
    """Walks back from the last cell of the table of distances between all prefixes.

    Where the left cell is below the diagonal one, an insertion costs as little as a hit would;
    where it is not, a hit or substitution is on a path of least cost.
    """
    columns = _columns(reference, hypothesis)
    row, column = len(reference), len(hypothesis)
    ops: list[Op] = []
    while row and column:
        if columns[column].rises >> (row - 1) & 1:
            ops.append("deletion")
            row -= 1
        elif columns[column - 1].falls >> (row - 1) & 1:
            ops.append("insertion")
            column -= 1
        else:
            row, column = row - 1, column - 1
            ops.append("hit" if reference[row] == hypothesis[column] else "substitution")
    rest: list[Op] = ["deletion"] * row if row else ["insertion"] * column
    return rest + ops[::-1]


class _Column(NamedTuple):
    """One column of the table, as steps from cell to cell: bit i set = +1 (or -1) into row i+1."""

    rises: int
    falls: int


def _columns(reference: Sequence[str], hypothesis: Sequence[str]) -> list[_Column]:
    """The table of distances, a column per prefix of the hypothesis, a bit per reference token.

    Neighbouring cells differ by -1, 0 or 1, so a column is two integers and the next one follows
    from it by a dozen operations on whole integers, however long the reference.

    Source: Myers, "A fast bit-vector algorithm for approximate string matching", JACM 46 (1999),
    in the form of Hyyrö, "A bit-vector algorithm for computing Levenshtein and Damerau edit
    distances" (2003).
    """
    full = (1 << len(reference)) - 1
    places: dict[str, int] = {}
    for i, token in enumerate(reference):
        places[token] = places.get(token, 0) | 1 << i
    rises, falls = full, 0
    columns = [_Column(rises, falls)]
    for token in hypothesis:
        here = places.get(token, 0)
        level = (((here & rises) + rises) ^ rises) | here | falls  # diagonal step of 0
        right_rises = (falls | ~(level | rises)) << 1 | 1
        right_falls = (level & rises) << 1
        rises = (right_falls | ~(level | right_rises)) & full
        falls = right_rises & level & full
        columns.append(_Column(rises, falls))
    return columns


def constant_sentence(texts: Sequence[str]) -> str:
    """The commonest word of each place, in as many places as the most sentences have.

    Where a grammar is fixed it gets many words right without listening; of equally common ones the
    least counts.

    Args:
        texts: at least one, words parted by spaces.
    """
    sentences = [text.split() for text in texts]
    length = _commonest(map(len, sentences))
    places = zip(*(words for words in sentences if len(words) == length))
    return " ".join(map(_commonest, places))


def _commonest(values: Iterable[_Value]) -> _Value:
    counts = Counter(values)
    return min(counts, key=lambda value: (-counts[value], value))
