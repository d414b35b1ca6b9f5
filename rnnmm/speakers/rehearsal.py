"""Whether a book keeps what it states: people it does not know become members or strangers.

Everybody with clips to spare gets a voice of the first few, and every other clip is tried against
it, as `rnnmm.speakers.verdict` answers. To verify, each is held against each. To identify, people
are drawn, again and again, into a book of half of them and the strangers that the others are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnnmm.manifest import name_some
from rnnmm.metrics.interval import Redraw, Tally
from rnnmm.metrics.verification import Scores
from rnnmm.speakers.book import Book, add_person
from rnnmm.speakers.scoring import Matrix
from rnnmm.speakers.verdict import limit_of, log_ratios, stranger_ratios


@dataclass(frozen=True, eq=False)
class Held:
    """Answers at one stated rate, counted by person: S people, P of them with a voice.

    Args:
        places: ``(P,)`` which of the people have a voice.
        accepted: ``(P, S)`` how many clips of each person were taken for each other one.
        strangers: ``(P, S)`` how many could have been; a clip that nobody in a book of E was
            named for counts one E-th for each in it.
        missed: ``(S,)`` how many of a member's own clips were not recognised.
        own: ``(S,)`` how many there were.
    """

    places: NDArray[np.int64]
    accepted: Scores
    strangers: Scores
    missed: Scores
    own: Scores

    def __add__(self, other: "Held") -> "Held":
        return Held(
            self.places,
            self.accepted + other.accepted,
            self.strangers + other.strangers,
            self.missed + other.missed,
            self.own + other.own,
        )

    def false_accepts(self) -> Redraw:
        """Strangers' clips taken for somebody, over all of them, as the people are drawn anew.

        A pair counts as often as both were drawn, once for each time either was.

        Source:
            Owen 2007, "The pigeonhole bootstrap", Annals of Applied Statistics 1.
        """

        def figure(times: NDArray[np.int64]) -> float:
            weights = times[self.places][:, None] * times
            total = float((weights * self.strangers).sum())
            return float((weights * self.accepted).sum()) / total if total else float("nan")

        return Redraw(len(self.own), figure)

    def misses(self) -> Redraw:
        """Members' clips not recognised, over all of them."""
        return Tally(self.missed.tolist(), self.own.tolist()).redraw()

    def num_pairs(self) -> tuple[int, int]:
        """How many pairs of a stranger and a member had a false accept, and how many there are."""
        return int((self.accepted > 0).sum()), int((self.strangers > 0).sum())


@dataclass(frozen=True, eq=False)
class Rehearsal:
    """What came of it.

    Args:
        num_members: how many people were in a book that identified.
        targets: ``(I,)`` log-likelihood ratios of clips against their own speaker's voice.
        nontargets: ``(J,)`` of clips against everybody else's.
        identified: by stated rate.
        verified: likewise.
    """

    num_members: int
    targets: Scores
    nontargets: Scores
    identified: Mapping[float, Held]
    verified: Mapping[float, Held]


def rehearse(
    book: Book,
    clips: Mapping[str, Matrix],
    rates: Sequence[float],
    num_clips: int = 3,
    num_draws: int = 100,
    seed: int = 0,
) -> Rehearsal:
    """Tries a book's thresholds on people it knows nothing of.

    Args:
        book: of nobody, with what its answers rest on.
        clips: name -> ``(n, D)``, in the order in which they are enrolled.
        rates: of false accepts, each in (0, 1).
        num_clips: >= 1, of a voice; who has no more is a stranger in every draw.
        num_draws: >= 1.
        seed: of the draws.

    Raises:
        ValueError: Fewer than two people, nobody with a clip to spare, or people whom the book
            knows as strangers.
    """
    trials = _try_all(book, clips, num_clips)
    size = max(1, len(trials.places) // 2)
    generator = np.random.default_rng(seed)
    draws = [np.sort(generator.permutation(len(trials.places))[:size]) for _ in range(num_draws)]
    own = trials.is_own
    return Rehearsal(
        num_members=size,
        targets=trials.llrs[own & ~trials.is_voice],
        nontargets=trials.llrs[~own],
        identified={rate: _identified(trials, draws, rate) for rate in rates},
        verified={rate: _verified(trials, rate) for rate in rates},
    )


@dataclass(frozen=True, eq=False)
class _Trials:
    """llrs: ``(P, T)`` of all clips. strangers: ``(P, J)`` of those that the book knows. who:
    ``(T,)`` people's numbers, of S. is_voice: ``(T,)`` whether the clip is part of a voice.
    """

    places: NDArray[np.int64]
    llrs: Scores
    strangers: Scores
    who: NDArray[np.int64]
    is_voice: NDArray[np.bool_]
    num_people: int

    @property
    def is_own(self) -> NDArray[np.bool_]:
        """``(P, T)`` whether the clip is of the person whose voice it is held against."""
        return np.asarray(self.places[:, None] == self.who, np.bool_)

    def by_person(self, chosen: NDArray[np.bool_]) -> Scores:
        """``(..., T)`` which clips -> ``(..., S)`` how many of each person."""
        return chosen.astype(np.float64) @ np.eye(self.num_people)[self.who]


def _try_all(book: Book, clips: Mapping[str, Matrix], num_clips: int) -> _Trials:
    able = [name for name, own in clips.items() if len(own) > num_clips]
    known = {*book.population.speakers, *book.cohort.speakers} & clips.keys()
    if known:
        raise ValueError(
            f"rehearsal: expected people whom the thresholds do not rest on, got "
            f"{name_some(sorted(known))}; choose others with split= or dataset.root="
        )
    if not able or len(clips) < 2:
        raise ValueError(
            f"rehearsal: expected at least two people, one with more than {num_clips} clips, got "
            f"{len(clips)} people, {len(able)} with more; choose a smaller num_clips or other data"
        )
    for name in able:
        book = add_person(book, name, clips[name][:num_clips])
    numbers = {name: number for number, name in enumerate(clips)}
    tests = np.concatenate(list(clips.values()))
    is_voice = [
        name in able and place < num_clips
        for name, own in clips.items()
        for place in range(len(own))
    ]
    return _Trials(
        np.array([numbers[name] for name in able]),
        log_ratios(book, able, tests),
        stranger_ratios(book, able).scores,
        np.repeat(np.arange(len(clips)), [len(own) for own in clips.values()]),
        np.array(is_voice),
        len(clips),
    )


def _verified(trials: _Trials, rate: float) -> Held:
    limits = [limit_of(row[None], rate).value for row in trials.strangers]
    is_accepted = trials.llrs >= np.array(limits)[:, None]  # (P, T)
    others, own = ~trials.is_own, trials.is_own & ~trials.is_voice
    return Held(
        trials.places,
        trials.by_person(is_accepted & others),
        trials.by_person(others),
        trials.by_person(~is_accepted & own).sum(axis=0),
        trials.by_person(own).sum(axis=0),
    )


def _identified(trials: _Trials, draws: Sequence[NDArray[np.int64]], rate: float) -> Held:
    first, *others = (_identified_once(trials, members, rate) for members in draws)
    return sum(others, first)


def _identified_once(trials: _Trials, members: NDArray[np.int64], rate: float) -> Held:
    """In a book of these, places among the voices."""
    llrs = trials.llrs[members]  # (E, T)
    limit = limit_of(trials.strangers[members], rate).value
    is_named = (np.arange(len(members))[:, None] == llrs.argmax(axis=0)) & (llrs >= limit)
    is_member = trials.is_own[members].any(axis=0)  # (T,)
    is_right = (is_named & trials.is_own[members]).any(axis=0)
    own = is_member & ~trials.is_voice
    shape = (len(trials.places), trials.num_people)
    accepted, strangers = np.zeros(shape), np.zeros(shape)
    is_refused = ~is_member & ~is_named.any(axis=0)
    accepted[members] = trials.by_person(is_named & ~is_member)
    strangers[members] = accepted[members] + trials.by_person(is_refused) / len(members)
    return Held(
        trials.places,
        accepted,
        strangers,
        trials.by_person(own & ~is_right),
        trials.by_person(own),
    )
