"""Other people, known apart: what a book's answers are measured against.

A population holds clips that nobody was trained on, several of each person; a cohort those of the
training, which also level scores. Every clip of the population is tried against the voice of
everybody in it, made of as many clips as an enrolled voice is made of; from those scores comes the
calibration. The clips of both, tried against the enrolled voices themselves, give the thresholds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from rnnmm.metrics.verification import Scores
from rnnmm.speakers.scoring import Matrix, Scorer, mean_voice

# People of the cohort whose clips are tried: each takes a pass over all others.
_MOST_TRIED = 200


@dataclass(frozen=True, eq=False)
class Population:
    """Clips and who speaks in them.

    Args:
        embeddings: ``(J, D)``.
        speakers: ``(J,)``.

    Raises:
        ValueError: Fewer than two people, or nobody with two clips.
    """

    embeddings: Matrix
    speakers: tuple[str, ...]

    def __post_init__(self) -> None:
        num_people, num_clips = len(set(self.speakers)), len(self.speakers)
        if num_people < 2 or num_clips <= num_people:
            raise ValueError(
                f"calibration: expected clips of at least two people, of some two or more, got "
                f"{num_clips} of {num_people}; choose other data with split= or dataset.root="
            )


@dataclass(frozen=True, eq=False)
class Cohort:
    """Clips of people of the training, none of whom is in the population; there may be none.

    Args:
        embeddings: ``(K, D)``.
        speakers: ``(K,)``.
    """

    embeddings: Matrix
    speakers: tuple[str, ...]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The M people, in order."""
        return tuple(sorted(set(self.speakers)))

    @cached_property
    def scorer(self) -> Scorer:
        """Scores that are levelled by a voice of each of them, made of all their clips."""
        voices = [mean_voice(self.clips_of(name)) for name in self.names]
        return Scorer(np.array(voices).reshape(-1, self.embeddings.shape[1]))

    def clips_of(self, name: str) -> Matrix:
        """``(n, D)`` of one of them."""
        return np.asarray(self.embeddings[np.array(self.speakers) == name], np.float64)


class Tried(NamedTuple):
    """Clips tried against voices: ``(E, J)`` scores, ``(J,)`` who speaks in the clips."""

    scores: Scores
    speakers: tuple[str, ...]


class Comparisons(NamedTuple):
    """Scores of clips against voices of a population.

    targets: ``(I,)`` of its clips against their own speaker's voice. nontargets: ``(K,)`` of its
    clips and the cohort's against the voices of all others in it.
    """

    targets: Scores
    nontargets: Scores


def try_strangers(
    population: Population, cohort: Cohort, voices: Matrix, offset: Matrix | float = 0.0
) -> Tried:
    """Scores every clip of the population and of the cohort against some voices.

    Somebody of the cohort is no part of it when his clips are tried. Where one voice less would
    make scores of another kind, and beyond 200 people, the cohort's are left out. Ten people alone
    say little about strangers: in simulations the cohort halves the error of a threshold.

    Args:
        population: J clips.
        cohort: that levels scores.
        voices: ``(E, D)``.
        offset: ``(D,)``, what the voices share beside what the cohort's do.
    """
    scorer, speakers = cohort.scorer, [*population.speakers]
    scores = [scorer.scores(voices, population.embeddings, offset)]
    for place in _tried_alone(scorer):
        clips = cohort.clips_of(cohort.names[place])
        rest = replace(scorer, cohort=np.delete(scorer.cohort, place, axis=0))
        scores.append(rest.scores(voices, clips, offset))
        speakers += [cohort.names[place]] * len(clips)
    return Tried(np.concatenate(scores, axis=1), tuple(speakers))


def compare(population: Population, cohort: Cohort, num_clips: int) -> Comparisons:
    """Scores every clip against a voice of everybody in the population.

    A clip is never part of the voice it is tried against. Voices are of the first clips of each
    person; where somebody has fewer than ``num_clips`` (others), of those there are.

    Args:
        population: J clips of S people.
        cohort: that levels scores.
        num_clips: >= 1, of which a voice is made.
    """
    names = sorted(set(population.speakers))
    who = np.array([names.index(name) for name in population.speakers])  # (J,)
    clips = [np.flatnonzero(who == number) for number in range(len(names))]
    voices = np.stack([mean_voice(population.embeddings[own[:num_clips]]) for own in clips])
    tried = try_strangers(population, cohort, voices)
    is_other = np.array(names)[:, None] != np.array(tried.speakers)  # (S, J + K)
    again = [clip for own in clips if len(own) > 1 for clip in own.tolist()]
    own_voices = np.stack([_own_voice(population, clips[who[clip]], clip, num_clips)
                           for clip in again])  # fmt: skip
    targets = _paired(cohort.scorer, own_voices, population.embeddings[again])
    return Comparisons(targets, tried.scores[is_other])


def spread_rows(speakers: Sequence[str | None], num_rows: int) -> list[int]:
    """Some places in a list, spread evenly over the people in it; without a name: never.

    Args:
        speakers: ``(J,)``.
        num_rows: at most so many.

    Returns:
        Places, in order.
    """
    taken: dict[str, int] = {}
    rounds = []
    for place, name in enumerate(speakers):
        if name is not None:
            taken[name] = taken.get(name, 0) + 1
            rounds.append((taken[name], place))
    return sorted(place for _, place in sorted(rounds)[:num_rows])


def _tried_alone(scorer: Scorer) -> list[int]:
    """Places of those in a cohort who can be left out of it one by one."""
    size = len(scorer.cohort)
    if size < 2 or replace(scorer, cohort=scorer.cohort[1:]).is_levelled != scorer.is_levelled:
        return []
    return sorted({round(place) for place in np.linspace(0, size - 1, _MOST_TRIED)})


def _own_voice(population: Population, own: np.ndarray, clip: int, num_clips: int) -> Matrix:
    others = own[own != clip][:num_clips]
    return mean_voice(population.embeddings[others])


def _paired(scorer: Scorer, voices: Matrix, tests: Matrix) -> Scores:
    """``(I, D)`` each -> ``(I,)``, in parts, so that not all pairs stand in memory."""
    parts = [
        scorer.scores(voices[i : i + 256], tests[i : i + 256]).diagonal()
        for i in range(0, len(voices), 256)
    ]
    return np.concatenate(parts)
