"""N-gram models as text, in the format of ARPA that every toolkit reads and writes."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rnnmm.text.history import END, Gram
from rnnmm.text.ngram import Ngram
from rnnmm.text.vocabulary import UNKNOWN

_BETWEEN = re.compile(r"[ \t]+")
_COUNT = re.compile(r"ngram[ \t]+(\d+)[ \t]*=[ \t]*(\d+)")
_SECTION = re.compile(r"\\(\d+)-grams:")
_ODD = re.compile(r"[ \t\r\n]|^$")


def write_arpa(ngram: Ngram) -> str:
    """A model as text that `read_arpa` reads back to an equal one.

    N-grams stand sorted; figures have as many digits as they need to be read back exactly.

    Raises:
        ValueError: A word that is empty or holds a space, a tab or the end of a line.
    """
    odd = sorted({word for gram in ngram.log10_probs for word in gram if _ODD.search(word)})
    if odd:
        raise ValueError(f"write_arpa: expected words without spaces, got {odd[0]!r}")
    orders = [
        sorted(gram for gram in ngram.log10_probs if len(gram) == n)
        for n in range(1, ngram.order + 1)
    ]
    lines = ["\\data\\", *(f"ngram {n}={len(grams)}" for n, grams in enumerate(orders, start=1))]
    for n, grams in enumerate(orders, start=1):
        lines += ["", f"\\{n}-grams:", *(_line(ngram, gram) for gram in grams)]
    return "\n".join([*lines, "", "\\end\\", ""])


def _line(ngram: Ngram, gram: Gram) -> str:
    fields = [repr(float(ngram.log10_probs[gram])), " ".join(gram)]
    if gram in ngram.log10_backoffs:
        fields.append(repr(float(ngram.log10_backoffs[gram])))
    return "\t".join(fields)


def read_arpa(text: str, name: str = "ARPA") -> Ngram:
    """Reads what `write_arpa`, KenLM, SRILM or another toolkit wrote; the text is not trusted.

    What stands in front of "data" and behind "end" is passed over. Fields are parted by spaces or
    tabs; a missing back-off weight stays missing, which means 0; "<UNK>" is read as "<unk>".

    Args:
        text: all of it.
        name: of the file, for messages.

    Raises:
        ValueError: A line that is not as expected, with its number; sections or n-grams that are
            missing, too many or there twice; no "</s>".
    """
    reader = _Reader(name, _numbered(text))
    counts = reader.counts()
    for n, count in enumerate(counts, start=1):
        reader.section(n, len(counts), count)
    if (END,) not in reader.log10_probs:
        raise ValueError(f'{name}: expected "{END}" among the unigrams, got none')
    return Ngram(reader.log10_probs, reader.log10_backoffs)


def load_arpa(path: str | Path) -> Ngram:
    """Reads a file as `read_arpa` does.

    Raises:
        OSError: It cannot be read.
        ValueError: It is not UTF-8, or as `read_arpa` says.
    """
    try:
        return read_arpa(Path(path).read_text(encoding="utf-8-sig"), str(path))
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected UTF-8, got {error}") from None


def save_arpa(ngram: Ngram, path: str | Path) -> None:
    """Writes a file as `write_arpa` does.

    Raises:
        OSError: It cannot be written.
        ValueError: As `write_arpa` says.
    """
    Path(path).write_text(write_arpa(ngram), encoding="utf-8", newline="\n")


def _numbered(text: str) -> Iterator[tuple[int, str]]:
    """The lines that say something, with their numbers."""
    # Not splitlines(): a word may hold what Unicode takes for the end of a line.
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.strip(" \t\r")
        if line:
            yield number, line


@dataclass(slots=True)
class _Reader:
    """Reads lines and keeps the n-grams found so far."""

    name: str
    lines: Iterator[tuple[int, str]]
    last: tuple[int, str] = (0, "")
    log10_probs: dict[Gram, float] = field(default_factory=dict)
    log10_backoffs: dict[Gram, float] = field(default_factory=dict)

    def next(self, expected: str) -> str:
        """The next line."""
        try:
            self.last = next(self.lines)
        except StopIteration:
            raise ValueError(
                f"{self.name}: expected {expected}, got the end of the file"
            ) from None
        return self.last[1]

    def fault(self, expected: str) -> ValueError:
        """What is wrong with the line read last."""
        number, line = self.last
        shown = line if len(line) <= 60 else line[:57] + "..."
        return ValueError(f"{self.name}, line {number}: expected {expected}, got {shown!r}")

    def counts(self) -> list[int]:
        """How many n-grams of each order are announced; the heading of the first is read too."""
        while self.next("\\data\\") != "\\data\\":
            pass
        counts: list[int] = []
        while not _SECTION.fullmatch(self.next("\\1-grams:")):
            match = _COUNT.fullmatch(self.last[1])
            if not match or int(match[1]) != len(counts) + 1:
                raise self.fault(f'"ngram {len(counts) + 1}=COUNT" or "\\1-grams:"')
            counts.append(int(match[2]))
        if not counts:
            raise self.fault('"ngram 1=COUNT"')
        return counts

    def section(self, n: int, order: int, count: int) -> None:
        """The n-grams of one order, and the line behind them."""
        if self.last[1] != f"\\{n}-grams:":
            raise self.fault(f'"\\{n}-grams:"')
        for _ in range(count):
            line = self.next(f"the {count} {n}-grams announced")
            if line.startswith("\\"):
                raise self.fault(f"the {count} {n}-grams announced")
            self.gram(line, n, order)
        following = "\\end\\" if n == order else f"\\{n + 1}-grams:"
        if self.next(f'"{following}"') != following:
            raise self.fault(f'"{following}" behind the {count} {n}-grams announced')

    def gram(self, line: str, n: int, order: int) -> None:
        """One n-gram."""
        prob, *words = _BETWEEN.split(line)
        backoff = words.pop() if len(words) == n + 1 and n < order else None
        if len(words) != n:
            raise self.fault(f"a log-probability, {n} words and perhaps a back-off weight")
        gram = tuple(UNKNOWN if word == "<UNK>" else word for word in words)
        if gram in self.log10_probs:
            raise self.fault("each n-gram once")
        if n > 1 and not all((word,) in self.log10_probs for word in gram):
            raise self.fault("words that are unigrams")
        self.log10_probs[gram] = self.number(prob)
        if self.log10_probs[gram] > 0:
            raise self.fault("a log-probability <= 0")
        if backoff is not None:
            self.log10_backoffs[gram] = self.number(backoff)

    def number(self, text: str) -> float:
        """A finite number."""
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise self.fault("finite numbers")
        return value
