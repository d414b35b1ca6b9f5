"""Whether a book keeps what it states: people it does not know become members or strangers.

People are drawn, again and again: half of those with clips to spare into a book, a voice of the
first few each, and all others are strangers. Their clips, and those of members that are no part of
a voice, are tried against that book, as `rnnmm.speakers.verdict` answers: to identify, and to
verify, strangers as each of the members and members as themselves.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

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
    """Answers at one stated rate, counted by person: S people.

    Args:
        accepted: ``(S, S)`` how many clips of each person (columns) were taken for each other.
        strangers: ``(S, S)`` how many could have been; a clip that nobody in a book of E was
            named for counts one E-th for each in it.
        missed: ``(S,)`` how many of a member's own clips were not recognised.
        own: ``(S,)`` how many there were.
    """

    accepted: Scores
    strangers: Scores
    missed: Scores
    own: Scores

    def __add__(self, other: "Held") -> "Held":
        return Held(
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
            weights = times[:, None] * times
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
        num_members: how many people were in a book.
        targets: ``(I,)`` log-likelihood ratios of members' clips against their own voices, of one
            draw after the other.
        nontargets: ``(J,)`` of strangers' clips against every member's voice, likewise.
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
    everybody = _Everybody.of(book, clips, num_clips)
    size = max(1, len(everybody.able) // 2)
    generator = np.random.default_rng(seed)
    draws = [generator.permutation(everybody.able)[:size].tolist() for _ in range(num_draws)]
    tried = [_once(_Trials.of(everybody, sorted(members)), size, rates) for members in draws]
    return Rehearsal(
        num_members=size,
        targets=np.concatenate([one.targets for one in tried]),
        nontargets=np.concatenate([one.nontargets for one in tried]),
        identified={rate: _sum(one.identified[rate] for one in tried) for rate in rates},
        verified={rate: _sum(one.verified[rate] for one in tried) for rate in rates},
    )


@dataclass(frozen=True, eq=False)
class _Everybody:
    """All S people. book: with a voice of each who has clips to spare. names: ``(S,)``. able: the
    places of those. tests: ``(T, D)`` all clips. who: ``(T,)`` places of their speakers.
    is_voice: ``(T,)`` whether the clip is part of a voice.
    """

    book: Book
    names: list[str]
    able: list[int]
    tests: Matrix
    who: NDArray[np.int64]
    is_voice: NDArray[np.bool_]

    @classmethod
    def of(cls, book: Book, clips: Mapping[str, Matrix], num_clips: int) -> "_Everybody":
        """Enrols the first clips of everybody who has more.

        Raises:
            ValueError: As `rehearse`.
        """
        names = list(clips)
        able = [place for place, name in enumerate(names) if len(clips[name]) > num_clips]
        known = {*book.population.speakers, *book.cohort.speakers} & clips.keys()
        if known:
            raise ValueError(
                f"rehearsal: expected people whom the thresholds do not rest on, got "
                f"{name_some(sorted(known))}; choose others with split= or dataset.root="
            )
        if not able or len(clips) < 2:
            raise ValueError(
                f"rehearsal: expected at least two people, one with more than {num_clips} clips, "
                f"got {len(clips)} people, {len(able)} with more; choose a smaller num_clips or "
                f"other data"
            )
        for place in able:
            book = add_person(book, names[place], clips[names[place]][:num_clips])
        is_voice = [
            place in able and number < num_clips
            for place, own in enumerate(clips.values())
            for number in range(len(own))
        ]
        who = np.repeat(np.arange(len(clips)), [len(own) for own in clips.values()])
        return cls(
            book, names, able, np.concatenate(list(clips.values())), who, np.array(is_voice)
        )


@dataclass(frozen=True, eq=False)
class _Trials:
    """All clips against a book of E people and nobody else.

    llrs: ``(E, T)``. strangers: ``(E, J)`` of those that the book knows. is_own: ``(E, T)``
    whether the clip is of the person whose voice it is held against. is_voice: ``(T,)`` whether
    it is part of a voice. members: ``(E, S)`` and speakers: ``(T, S)``, one in each row, zeros.
    """

    llrs: Scores
    strangers: Scores
    is_own: NDArray[np.bool_]
    is_voice: NDArray[np.bool_]
    members: Scores
    speakers: Scores

    @classmethod
    def of(cls, everybody: _Everybody, members: Sequence[int]) -> "_Trials":
        """In a book of these, places among all people."""
        names, one_of = [everybody.names[place] for place in members], np.eye(len(everybody.names))
        people = {name: everybody.book.people[name] for name in names}
        book = replace(everybody.book, people=people)
        return cls(
            log_ratios(book, names, everybody.tests),
            stranger_ratios(book, names).scores,
            np.array(members)[:, None] == everybody.who,
            everybody.is_voice,
            one_of[members],
            one_of[everybody.who],
        )

    @property
    def is_stranger(self) -> NDArray[np.bool_]:
        """``(T,)`` whether the clip is of nobody in the book."""
        return np.asarray(~self.is_own.any(axis=0), np.bool_)

    def by_pair(self, weights: NDArray[Any]) -> Scores:
        """``(E, T)`` -> ``(S, S)``, the sums over a person's clips."""
        return np.asarray(self.members.T @ weights @ self.speakers, np.float64)

    def by_person(self, weights: NDArray[Any]) -> Scores:
        """``(T,)`` -> ``(S,)``, the sums over a person's clips."""
        return np.asarray(weights @ self.speakers, np.float64)


def _once(trials: _Trials, size: int, rates: Sequence[float]) -> Rehearsal:
    return Rehearsal(
        num_members=size,
        targets=trials.llrs[trials.is_own & ~trials.is_voice],
        nontargets=trials.llrs[:, trials.is_stranger].ravel(),
        identified={rate: _identified(trials, rate) for rate in rates},
        verified={rate: _verified(trials, rate) for rate in rates},
    )


def _sum(counts: Iterable[Held]) -> Held:
    first, *others = counts
    return sum(others, first)


def _verified(trials: _Trials, rate: float) -> Held:
    """Strangers, and each member's other clips, against his voice alone."""
    limits = np.array([limit_of(row[None], rate).value for row in trials.strangers])
    is_accepted = trials.llrs >= limits[:, None]  # (E, T)
    is_stranger = np.broadcast_to(trials.is_stranger, is_accepted.shape)
    own = trials.is_own & ~trials.is_voice
    return Held(
        trials.by_pair(is_accepted & is_stranger),
        trials.by_pair(is_stranger),
        trials.by_person((own & ~is_accepted).sum(axis=0)),
        trials.by_person(own.sum(axis=0)),
    )


def _identified(trials: _Trials, rate: float) -> Held:
    """Strangers, and members' other clips, against everybody in the book."""
    limit = limit_of(trials.strangers, rate).value
    places = np.arange(len(trials.llrs))[:, None]
    is_named = (places == trials.llrs.argmax(axis=0)) & (trials.llrs >= limit)  # (E, T)
    accepted = 1.0 * (is_named & trials.is_stranger)
    is_refused = trials.is_stranger & (is_named.sum(axis=0) == 0)
    own = trials.is_own & ~trials.is_voice
    return Held(
        trials.by_pair(accepted),
        trials.by_pair(accepted + is_refused / len(trials.llrs)),
        trials.by_person((own & ~is_named).sum(axis=0)),
        trials.by_person(own.sum(axis=0)),
    )
