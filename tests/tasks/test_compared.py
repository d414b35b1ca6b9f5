import itertools
import math

import numpy as np
import pytest

from rnnmm.metrics.verification import cllr, eer
from rnnmm.speakers.backend import by_cosine
from rnnmm.speakers.calibration import Calibration
from rnnmm.speakers.scoring import unit
from rnnmm.speakers.trials import Trials, all_pairs, sample_pairs
from rnnmm.tasks import compared as module
from rnnmm.tasks.compared import (
    Compared,
    calibrated,
    check_trials,
    compare_trials,
    error_rates,
    every_trial,
)


def cloud(num_speakers: int, each: int, spread: float) -> tuple[np.ndarray, list[str]]:
    rng = np.random.default_rng(0)
    centres = np.repeat(rng.standard_normal((num_speakers, 6)), each, axis=0)
    names = [f"s{n}" for n in range(num_speakers) for _ in range(each)]
    return centres + spread * rng.standard_normal(centres.shape), names


def compare_all(embeddings: np.ndarray, names: list[str]) -> Compared:
    return compare_trials(by_cosine(embeddings), every_trial(names), names)


def test_all_pairs_are_compared_once() -> None:
    embeddings, names = cloud(4, 3, 0.5)
    compared = compare_all(embeddings, names)
    by_hand = []
    for (a, speaker), (b, other) in itertools.combinations(zip(embeddings, names), 2):
        cosine = float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
        by_hand.append((round(cosine, 5), speaker == other))
    targets, nontargets = compared.sides()
    got = [(round(s, 5), True) for s in targets] + [(round(s, 5), False) for s in nontargets]
    assert sorted(got) == sorted(by_hand)


def test_a_speaker_drawn_twice_is_two_people() -> None:
    embeddings, names = cloud(3, 2, 1.0)
    compared = compare_all(embeddings, names)
    voices = unit(embeddings)
    drawn = [(0, 0), (0, 1), (2, 0)]  # speaker 0 twice, speaker 1 never, speaker 2 once
    people = [(voices[2 * speaker + clip], copy, speaker) for speaker, copy in drawn
              for clip in (0, 1)]  # fmt: skip
    targets, nontargets = [], []
    for (a, copy, speaker), (b, other_copy, other) in itertools.combinations(people, 2):
        if (copy, speaker) == (other_copy, other):
            targets.append(a @ b)
        elif speaker != other:  # his own double says nothing about strangers
            nontargets.append(a @ b)
    expected = eer(np.array(targets), np.array(nontargets))
    assert compared.redrawn_eer(np.array([2, 0, 1])) == pytest.approx(expected)
    assert math.isnan(compared.redrawn_eer(np.array([3, 0, 0])))


def test_thinning_keeps_both_kinds_and_their_figure() -> None:
    compared = compare_all(*cloud(30, 6, 0.8))
    thin = compared.thinned(150)
    targets, nontargets = thin.sides()
    assert len(targets) <= 150 and 100 < len(nontargets) <= 150
    assert eer(targets, nontargets) == pytest.approx(eer(*compared.sides()), abs=0.05)
    assert len(compared.thinned(10**6).scores) == len(compared.scores)


def test_of_many_pairs_some_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    embeddings, names = cloud(5, 6, 0.5)
    every = compare_all(embeddings, names)
    assert len(every.scores) == 30 * 29 // 2
    monkeypatch.setattr(module, "_MOST_PAIRS", 40)
    some = compare_all(embeddings, names)
    targets, nontargets = some.sides()
    assert (len(targets), len(nontargets)) == (40, 40)
    assert set(some.scores.tolist()) <= set(every.scores.tolist())


def test_trials_are_scored_as_they_stand() -> None:
    embeddings, names = cloud(3, 2, 0.5)
    trials = Trials(np.array([4, 0, 0]), np.array([0, 1, 5]), np.array([False, True, False]))
    compared = compare_trials(by_cosine(embeddings), trials, names)
    cosines = unit(embeddings) @ unit(embeddings).T
    assert compared.scores == pytest.approx([cosines[4, 0], cosines[0, 1], cosines[0, 5]])
    assert (compared.first == compared.second).tolist() == trials.is_target.tolist()


def test_figures_hold_the_curve_that_the_eer_is_read_off() -> None:
    compared = compare_all(*cloud(60, 6, 2.0))
    score = error_rates(compared, Calibration(2.0, -1.0))
    targets, nontargets = compared.sides()
    assert score.metrics["cllr"] == cllr(2 * targets - 1, 2 * nontargets - 1)
    accept, miss = (np.array(values) for values in score.counts["det"].values())
    assert 10 < len(accept) == len(miss) <= 100
    assert (accept[0], miss[0], accept[-1], miss[-1]) == (1, 0, 0, 1)
    assert (np.diff(accept) <= 0).all() and (np.diff(miss) >= 0).all()
    assert np.interp(0.0, miss - accept, miss) == pytest.approx(score.metrics["eer"], abs=1e-3)


def test_calibration_makes_the_ratios_cheaper() -> None:
    compared = compare_all(*cloud(12, 4, 0.7))
    line = calibrated(compared)
    assert line is not None
    bare, better = (error_rates(compared, one).metrics for one in (Calibration(1, 0), line))
    assert better["min_cllr"] <= better["cllr"] < bare["cllr"]
    assert calibrated(compare_all(np.eye(3), ["ann", "ann", "bob"])) is None
    assert calibrated(compare_all(np.eye(2), ["ann", "ann"])) is None


def test_trials_that_contradict_the_speakers_are_refused() -> None:
    ids, names = ["a1", "a2", "b1"], ["ann", "ann", "bob"]
    check_trials(all_pairs(names), ids, names, "list.txt")
    wrong = Trials(np.array([0, 0]), np.array([1, 2]), np.array([True, True]))
    with pytest.raises(
        ValueError,
        match=r"^list.txt: .*got 1 of 2 trials otherwise \(a1 of ann, b1 of bob\); mend",
    ):
        check_trials(wrong, ids, names, "list.txt")


def test_every_trial_is_a_sample_of_everything() -> None:
    names = list("ababca")
    found, expected = every_trial(names), sample_pairs(names, 99, 99)
    assert found.enrolled.tolist() == expected.enrolled.tolist()
    assert found.tests.tolist() == expected.tests.tolist()
