import numpy as np
import pytest

from rnnmm.speakers.population import Population, compare, spread_rows
from rnnmm.speakers.scoring import Scorer, mean_voice

SPEAKERS = ("b", "a", "b", "c", "a", "b")


def population() -> Population:
    return Population(np.random.default_rng(0).normal(size=(6, 4)), SPEAKERS)


@pytest.mark.parametrize("num_clips", [1, 2, 9])
def test_scores_are_those_of_each_comparison_alone(num_clips: int) -> None:
    people = population()
    scorer = Scorer(np.random.default_rng(1).normal(size=(25, 4)))
    found = compare(people, scorer, num_clips)
    targets, nontargets = [], []
    for place, name in enumerate(SPEAKERS):
        others = []
        for other in "abc":
            clips = [i for i, who in enumerate(SPEAKERS) if who == other and i != place]
            if not clips:
                continue
            voice = mean_voice(people.embeddings[clips[:num_clips]])
            score = scorer.scores(voice[None], people.embeddings[place][None])[0, 0]
            (targets if other == name else others).append((name, score))
        for voice, own in enumerate(scorer.cohort):
            rest = Scorer(np.delete(scorer.cohort, voice, axis=0))
            clip = people.embeddings[place][None]
            others.append(("cohort", rest.scores(own[None], clip)[0, 0]))
        nontargets.append([score for _, score in others])
    by_speaker = [score for _, score in sorted(targets, key=lambda each: each[0])]
    assert found.targets == pytest.approx(by_speaker)
    assert found.nontargets == pytest.approx(np.array(nontargets))


@pytest.mark.parametrize(("num_voices", "num_tried"), [(0, 0), (1, 0), (5, 5), (20, 0), (21, 21)])
def test_the_cohort_is_tried_where_its_scores_are_of_one_kind(
    num_voices: int, num_tried: int
) -> None:
    scorer = Scorer(np.random.default_rng(1).normal(size=(num_voices, 4)))
    assert compare(population(), scorer, 1).nontargets.shape == (6, 2 + num_tried)


def test_a_population_must_hold_both_kinds_of_pairs() -> None:
    for speakers in (("a", "a"), ("a", "b"), ()):
        with pytest.raises(ValueError, match="expected clips of at least two people"):
            Population(np.ones((len(speakers), 2)), speakers)


def test_rows_are_spread_over_people() -> None:
    speakers = ["a", "a", None, "a", "b", "c", "b"]
    assert spread_rows(speakers, 3) == [0, 4, 5]
    assert spread_rows(speakers, 5) == [0, 1, 4, 5, 6]
    assert spread_rows(speakers, 99) == [0, 1, 3, 4, 5, 6]
