"""What a book answers about clips: the same person or not, and who it is.

A stranger's best score against many people is higher than against one, and some voices are liked
by more strangers than others. So a threshold is measured on the very voices that are asked about:
the score which the stated part of the strangers' clips, those of the population and the cohort,
reaches against any of them.

People are enrolled and tested in rooms and through microphones that the training may not have
had, and what all recordings of a place share makes them alike. So voices and clips are seen from
what the enrolled voices have in common, strangers from what those of the training have. One voice
alone cannot tell what of it is the room's, nor can one person under two names.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rnnmm.metrics.verification import Scores
from rnnmm.speakers.book import Book, find_person
from rnnmm.speakers.decide import Threshold, threshold_at
from rnnmm.speakers.population import Tried, try_strangers
from rnnmm.speakers.scoring import Matrix, common_offset, mean_voice, spread, unit

SAME, DIFFERENT, UNKNOWN = "same", "different", "unknown"
_FEWEST_WITH_A_SPREAD = 2
# Times the spread that clips explain: one person's clips in two heaps reach it in one of twenty
# cases, two people seldom miss it (speechocean's, FSDD's and made ones).
_DISTINCT = 2.0


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
    limit = limit_of(stranger_ratios(book, [name]).scores, false_accept_rate)
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
    limit = limit_of(stranger_ratios(book, names).scores, false_accept_rate)
    llrs = log_ratios(book, names, tests)  # (E, T)
    verdicts = []
    for place, llr in zip(llrs.argmax(axis=0).tolist(), llrs.max(axis=0).tolist()):
        answer = names[place] if llr >= limit.value else UNKNOWN
        verdicts.append(Verdict(answer, names[place], llr, *limit))
    return verdicts


def log_ratios(book: Book, names: Sequence[str], tests: Matrix) -> Scores:
    """``(E,)`` names, ``(T, D)`` embeddings -> ``(E, T)`` natural log-likelihood ratios."""
    offset = _offset(book)
    scores = book.cohort.scorer.scores(_voices(book, names), tests, offset, offset)
    return _calibrated(book, names, scores)


def stranger_ratios(book: Book, names: Sequence[str]) -> Tried:
    """How the clips of everybody whom the book knows as a stranger fare against some voices.

    Args:
        book: with these people.
        names: ``(E,)``.

    Returns:
        ``(E, J)`` natural log-likelihood ratios; of a person with clips of the same name -inf.
    """
    voices = _voices(book, names)
    tried = try_strangers(book.population, book.cohort, voices, _offset(book))
    is_own = np.array(names)[:, None] == np.array(tried.speakers)
    llrs = np.where(is_own, -np.inf, _calibrated(book, names, tried.scores))
    return Tried(llrs, tried.speakers)


def resembling_stranger(book: Book, name: str) -> str | None:
    """The stranger who may well be somebody enrolled, None where nobody may.

    It may be the same person by another name: while a person's own clips count as a stranger's,
    hardly anything reaches the threshold. Or a voice that is hard to tell from this one.

    Args:
        book: with that person.
        name: whom.

    Returns:
        Of N strangers the one whose clips are, on average, N times as probable under this voice
        as under somebody else's: an even chance, if any of them was as likely as nobody.

    Raises:
        ValueError: There is nobody of this name in the book.
    """
    tried = stranger_ratios(book, [find_person(book, name)])
    speakers = np.array(tried.speakers)
    means = {one: tried.scores[0, speakers == one].mean() for one in sorted(set(tried.speakers))}
    nearest = max(means, key=lambda one: means[one])
    return nearest if means[nearest] > np.log(len(means)) else None


def limit_of(strangers: Scores, false_accept_rate: float) -> Threshold:
    """What a clip must reach so that strangers are seldom enough taken for any of these people.

    Args:
        strangers: ``(E, J)`` of `stranger_ratios`.
        false_accept_rate: in (0, 1).

    Raises:
        ValueError: A rate out of range.
    """
    best = strangers.max(axis=0)  # (J,)
    return threshold_at(best[np.isfinite(best)], false_accept_rate)


def _offset(book: Book) -> Matrix | float:
    """``(D,)`` what the voices in a book share beside what the cohort's do.

    0.0 where book or cohort are of fewer than two people, or nobody has two clips; and where the
    voices differ no more from each other than voices of one person's clips do, now and then.
    """
    cohort, voices = book.cohort.scorer.cohort, _voices(book, list(book.people))
    several = [unit(clips) for clips in book.people.values() if len(clips) > 1]
    if min(len(voices), len(cohort)) < _FEWEST_WITH_A_SPREAD or not several:
        return 0.0
    by_clip = float(np.mean([spread(clips) / len(clips) for clips in several]))
    if spread(voices) < _DISTINCT * by_clip:
        return 0.0
    return common_offset(voices, unit(cohort))


def _voices(book: Book, names: Sequence[str]) -> Matrix:
    return np.stack([mean_voice(book.people[name]) for name in names])  # (E, D)


def _calibrated(book: Book, names: Sequence[str], scores: Scores) -> Scores:
    lines = [book.calibrations[len(book.people[name])] for name in names]
    return np.stack([line(row) for line, row in zip(lines, scores)])
