"""Other people, known apart: what a book's answers are measured against.

A population holds clips that nobody was trained on, several of each person. Every clip of it is
tried against the voice of everybody in it, made of as many clips as an enrolled voice is made of;
from those scores come the calibration and the thresholds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rnnmm.metrics.verification import Scores
from rnnmm.speakers.scoring import Matrix, Scorer, mean_voice

# Of the cohort: each takes a pass over all clips and all others.
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
class Comparisons:
    """Scores of a population's clips.

    Args:
        targets: ``(I,)`` of clips against their own speaker's voice.
        nontargets: ``(J, S - 1 + M)`` of every clip against the voices of all others, and of M
            people of the cohort.
    """

    targets: Scores
    nontargets: Scores


def compare(population: Population, scorer: Scorer, num_clips: int) -> Comparisons:
    """Scores every clip against a voice of everybody, the people of the cohort among them.

    A clip is never part of the voice it is tried against, nor is a voice of the cohort part of the
    cohort when it is tried. Voices are of the first clips of each person; where somebody has fewer
    than ``num_clips`` (others), of those there are. Few people say little about strangers: with
    the cohort's voices beside those of ten people, a threshold lies twice as often near the rate
    that was asked for.

    Args:
        population: J clips of S people.
        scorer: how.
        num_clips: >= 1, of which a voice is made.
    """
    names = sorted(set(population.speakers))
    who = np.array([names.index(name) for name in population.speakers])  # (J,)
    clips = [np.flatnonzero(who == number) for number in range(len(names))]
    voices = np.stack([mean_voice(population.embeddings[own[:num_clips]]) for own in clips])
    scores = scorer.scores(voices, population.embeddings).T  # (J, S)
    is_other = who[:, None] != np.arange(len(names))
    others = scores[is_other].reshape(len(who), -1)
    nontargets = np.concatenate([others, _against_cohort(scorer, population.embeddings)], axis=1)
    tried = [clip for own in clips if len(own) > 1 for clip in own.tolist()]
    own_voices = np.stack([_own_voice(population, clips[who[clip]], clip, num_clips)
                           for clip in tried])  # fmt: skip
    return Comparisons(_paired(scorer, own_voices, population.embeddings[tried]), nontargets)


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


def _own_voice(population: Population, own: np.ndarray, clip: int, num_clips: int) -> Matrix:
    others = own[own != clip][:num_clips]
    return mean_voice(population.embeddings[others])


def _against_cohort(scorer: Scorer, tests: Matrix) -> Scores:
    """``(T, D)`` -> ``(T, M)``: some of the cohort, each as if it were enrolled and not in it.

    M is 0 where one voice less would make scores of another kind.
    """
    cohort = scorer.cohort
    if len(cohort) < 2 or replace(scorer, cohort=cohort[1:]).is_levelled != scorer.is_levelled:
        return np.zeros((len(tests), 0))
    tried = np.unique(np.linspace(0, len(cohort) - 1, _MOST_TRIED).round().astype(int))
    rest = (replace(scorer, cohort=np.delete(cohort, voice, axis=0)) for voice in tried)
    columns = [own.scores(cohort[[voice]], tests)[0] for voice, own in zip(tried, rest)]
    return np.stack(columns, axis=1)


def _paired(scorer: Scorer, voices: Matrix, tests: Matrix) -> Scores:
    """``(I, D)`` each -> ``(I,)``, in parts, so that not all pairs stand in memory."""
    parts = [
        scorer.scores(voices[i : i + 256], tests[i : i + 256]).diagonal()
        for i in range(0, len(voices), 256)
    ]
    return np.concatenate(parts)
