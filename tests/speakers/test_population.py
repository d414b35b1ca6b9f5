import numpy as np
import pytest

from rnnmm.speakers.population import (
    Cohort,
    Population,
    compare,
    spread_rows,
    try_strangers,
)
from rnnmm.speakers.scoring import Scorer, mean_voice

SPEAKERS = ("b", "a", "b", "c", "a", "b")


def population() -> Population:
    return Population(np.random.default_rng(0).normal(size=(6, 4)), SPEAKERS)


def cohort(num_people: int, num_clips: int = 2) -> Cohort:
    clips = np.random.default_rng(1).normal(size=(num_people * num_clips, 4))
    # Not in order, and the clips of a person not together.
    return Cohort(clips, tuple(f"t{num_people - i % num_people:02}" for i in range(len(clips))))


def voice_of(others: Cohort, name: str) -> np.ndarray:
    own = [i for i, who in enumerate(others.speakers) if who == name]
    return mean_voice(others.embeddings[own])


@pytest.mark.parametrize("num_clips", [1, 2, 9])
def test_scores_are_those_of_each_comparison_alone(num_clips: int) -> None:
    people, others = population(), cohort(25)
    names = sorted(set(others.speakers))
    scorer = Scorer(np.stack([voice_of(others, name) for name in names]))
    targets, nontargets = [], []
    for name in "abc":
        own = [i for i, who in enumerate(SPEAKERS) if who == name]
        voice = mean_voice(people.embeddings[own[:num_clips]])
        for place, who in enumerate(SPEAKERS):
            clip = people.embeddings[place][None]
            rest = [i for i in own if i != place][:num_clips]
            if who != name:
                nontargets.append(scorer.scores(voice[None], clip)[0, 0])
            elif rest:
                own_voice = mean_voice(people.embeddings[rest])
                targets.append(scorer.scores(own_voice[None], clip)[0, 0])
        for clip, who in zip(others.embeddings, others.speakers):
            alone = Scorer(np.delete(scorer.cohort, names.index(who), axis=0))
            nontargets.append(alone.scores(voice[None], clip[None])[0, 0])
    found = compare(people, others, num_clips)
    assert found.targets == pytest.approx(targets)
    assert sorted(found.nontargets) == pytest.approx(sorted(nontargets))


def test_strangers_are_tried_with_their_names() -> None:
    people, others = population(), cohort(25)
    voices = np.random.default_rng(2).normal(size=(3, 4))
    tried = try_strangers(people, others, voices)
    assert tried.speakers[:6] == SPEAKERS
    assert tried.scores.shape == (3, 6 + 50) and len(tried.speakers) == 56
    names = sorted(set(others.speakers))
    for name in names:
        rest = [voice_of(others, other) for other in names if other != name]
        own = [i for i, who in enumerate(others.speakers) if who == name]
        expected = Scorer(np.stack(rest)).scores(voices, others.embeddings[own])
        assert tried.scores[:, np.array(tried.speakers) == name] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("num_people", "num_tried"), [(0, 0), (1, 0), (5, 10), (20, 0), (21, 42), (250, 400)]
)
def test_the_cohort_is_tried_where_its_scores_are_of_one_kind(
    num_people: int, num_tried: int
) -> None:
    others = cohort(num_people) if num_people else Cohort(np.zeros((0, 4)), ())
    tried = try_strangers(population(), others, np.ones((1, 4)))
    assert tried.scores.shape == (1, 6 + num_tried)
    assert len(others.scorer.cohort) == num_people


def test_a_population_must_hold_both_kinds_of_pairs() -> None:
    for speakers in (("a", "a"), ("a", "b"), ()):
        with pytest.raises(ValueError, match="expected clips of at least two people"):
            Population(np.ones((len(speakers), 2)), speakers)


def test_rows_are_spread_over_people() -> None:
    speakers = ["a", "a", None, "a", "b", "c", "b"]
    assert spread_rows(speakers, 3) == [0, 4, 5]
    assert spread_rows(speakers, 5) == [0, 1, 4, 5, 6]
    assert spread_rows(speakers, 99) == [0, 1, 3, 4, 5, 6]
