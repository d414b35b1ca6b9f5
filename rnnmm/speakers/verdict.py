"""What a book answers about clips: the same person or not, and who it is."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rnnmm.metrics.verification import Scores
from rnnmm.speakers.book import Book, find_person
from rnnmm.speakers.decide import Threshold, choose, threshold_at
from rnnmm.speakers.population import compare
from rnnmm.speakers.scoring import Matrix, mean_voice

SAME, DIFFERENT, UNKNOWN = "same", "different", "unknown"


class Verdict(NamedTuple):
    """The answer for one clip.

    answer: "same" or "different"; a name or "unknown". name: of the person it was held against,
    the most probable one. llr: natural log-likelihood ratio of that person against a stranger.
    threshold: what it had to reach. is_extrapolated: the population is too small for so low a
    rate of false accepts, and the threshold is read off a fitted tail.
    """

    answer: str
    name: str
    llr: float
    threshold: float
    is_extrapolated: bool


def verify(book: Book, name: str, tests: Matrix, false_accept_rate: float) -> list[Verdict]:
    """Whether each clip is of the person who is named.

    Args:
        book: with that person.
        name: whom the clips are said to be of.
        tests: ``(T, D)`` embeddings.
        false_accept_rate: of clips of somebody else, the part that may be taken for this person,
            in (0, 1).

    Raises:
        ValueError: There is nobody of this name, or the rate is out of range.
    """
    name = find_person(book, name)
    llrs = log_ratios(book, [name], tests)[0]  # (T,)
    limit = _threshold(book, len(book.people[name]), 1, false_accept_rate)
    return [
        Verdict(SAME if llr >= limit.value else DIFFERENT, name, llr, *limit)
        for llr in llrs.tolist()
    ]


def identify(book: Book, tests: Matrix, false_accept_rate: float) -> list[Verdict]:
    """Who speaks in each clip.

    Args:
        book: of at least one person.
        tests: ``(T, D)`` embeddings.
        false_accept_rate: of clips of strangers, the part that may be taken for anybody in the
            book, in (0, 1).

    Raises:
        ValueError: There is nobody in the book, or the rate is out of range.
    """
    if not book.people:
        raise ValueError("identify: expected somebody in the book, got nobody; enrol first")
    names = list(book.people)
    counts = [len(clips) for clips in book.people.values()]
    by_count = {n: _threshold(book, n, len(names), false_accept_rate) for n in set(counts)}
    limits = [by_count[n] for n in counts]
    values = np.array([limit.value for limit in limits])
    verdicts = []
    for llrs in log_ratios(book, names, tests).T:
        choice = choose(llrs, values)
        place = choice.nearest if choice.person is None else choice.person
        answer = UNKNOWN if choice.person is None else names[place]
        verdicts.append(Verdict(answer, names[place], float(llrs[place]), *limits[place]))
    return verdicts


def log_ratios(book: Book, names: Sequence[str], tests: Matrix) -> Scores:
    """``(E,)`` names, ``(T, D)`` embeddings -> ``(E, T)`` natural log-likelihood ratios."""
    voices = np.stack([mean_voice(book.people[name]) for name in names])
    scores = book.scorer.scores(voices, tests)
    lines = [book.calibrations[len(book.people[name])] for name in names]
    return np.stack([line(row) for line, row in zip(lines, scores)])


def _threshold(book: Book, num_clips: int, num_people: int, false_accept_rate: float) -> Threshold:
    """In log-likelihood ratio, for a voice of so many clips in a book of so many people."""
    nontargets = compare(book.population, book.scorer, num_clips).nontargets
    limit = threshold_at(nontargets, num_people, false_accept_rate)
    llr = book.calibrations[num_clips](np.array(limit.value))
    return Threshold(float(llr), limit.is_extrapolated)
