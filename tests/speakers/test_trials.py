import itertools
from pathlib import Path

import numpy as np
import pytest

from rnnmm.speakers.trials import (
    Trials,
    all_pairs,
    read_trials,
    sample_pairs,
    scored_lines,
    write_trials,
)

IDS = ["a1", "b1", "a2", "c1", "b2", "a3"]
SPEAKERS = "ababca"


def as_set(trials: Trials) -> set[tuple[int, int, bool]]:
    return set(zip(trials.enrolled.tolist(), trials.tests.tolist(), trials.is_target.tolist()))


def every_pair(speakers: str) -> set[tuple[int, int, bool]]:
    places = range(len(speakers))
    return {(i, j, speakers[i] == speakers[j]) for i, j in itertools.combinations(places, 2)}


def test_all_pairs() -> None:
    trials = all_pairs(SPEAKERS)
    assert as_set(trials) == every_pair(SPEAKERS)
    assert len(trials) == 15
    assert len(all_pairs("a")) == 0


def test_a_sample_is_of_those_pairs_and_none_comes_twice() -> None:
    for seed in range(20):
        trials = sample_pairs(SPEAKERS, 2, 5, seed)
        assert trials.is_target.tolist() == [True] * 2 + [False] * 5
        assert len(as_set(trials)) == 7
        assert as_set(trials) <= every_pair(SPEAKERS)


def test_a_sample_of_everything_is_everything() -> None:
    assert as_set(sample_pairs(SPEAKERS, 99, 99)) == every_pair(SPEAKERS)
    assert len(sample_pairs("a", 1, 1)) == 0


def test_every_pair_is_drawn_alike() -> None:
    counts = dict.fromkeys(every_pair("aabb"), 0)
    for seed in range(600):
        for trial in as_set(sample_pairs("aabb", 1, 1, seed)):
            counts[trial] += 1
    assert all(240 < counts[pair] < 360 for pair in counts if pair[2])  # one of two
    assert all(100 < counts[pair] < 200 for pair in counts if not pair[2])  # one of four


def test_a_sample_of_many_clips_holds_no_list_of_all_pairs() -> None:
    speakers = np.arange(200_000) % 1000
    trials = sample_pairs(speakers.tolist(), 1000, 1000, 3)
    assert (speakers[trials.enrolled] == speakers[trials.tests]).tolist() == (
        [True] * 1000 + [False] * 1000
    )
    again = sample_pairs(speakers.tolist(), 1000, 1000, 3)
    assert as_set(again) == as_set(trials)


def test_round_trip(tmp_path: Path) -> None:
    path, trials = tmp_path / "trials", all_pairs(SPEAKERS)
    write_trials(path, trials, IDS)
    assert path.read_text().splitlines()[:2] == ["a1 b1 nontarget", "a1 a2 target"]
    assert as_set(read_trials(path, IDS)) == as_set(trials)


def test_marks_and_line_ends_change_nothing(tmp_path: Path) -> None:
    path = tmp_path / "trials"
    path.write_bytes(b"\xef\xbb\xbfa1 a2 target\r\n\r\n  b1\tc1  nontarget \r\n")
    assert as_set(read_trials(path, IDS)) == {(0, 2, True), (1, 3, False)}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a1 a2 target\na1 b1", r"trials:2: expected 'enrol test target\|nontarget', got 'a1 b1'"),
        ("a1 a2 yes", "trials:1: expected 'enrol test"),
        ("a1 x target", "trials:1: expected ids out of 6 known ones, got 'x'"),
        ("a1 a2 target\n\na2 a1 target", "trials:3: expected each pair once.*again after line 1"),
        ("a1 a2 target\na1 a2 nontarget", "trials:2: expected each pair once"),
        (" \n", "expected lines 'enrol test target|nontarget', got none"),
        ("\xe9".encode("latin-1"), "trials: expected UTF-8"),
    ],
)
def test_what_is_no_list_is_refused(tmp_path: Path, text: str | bytes, reason: str) -> None:
    path = tmp_path / "trials"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=reason):
        read_trials(path, IDS)


def test_ids_with_spaces_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected ids without spaces, got 'a 1', ''"):
        write_trials(tmp_path / "trials", all_pairs("ab"), ["a 1", ""])


def test_trials_of_another_list_are_the_same_pairs() -> None:
    order = [3, 0, 5, 1, 4, 2]  # where each of IDS stands in the other list
    other = [IDS[order.index(place)] for place in range(len(IDS))]
    trials = all_pairs(SPEAKERS)
    moved = trials.moved(order)
    for place in range(len(trials)):
        assert other[moved.enrolled[place]] == IDS[trials.enrolled[place]]
        assert other[moved.tests[place]] == IDS[trials.tests[place]]
    assert moved.is_target is trials.is_target


def test_scores_stand_beside_their_trials(tmp_path: Path) -> None:
    trials = Trials(np.array([0, 2]), np.array([2, 1]), np.array([True, False]))
    scores = np.array([0.5, -1.25])
    lines = list(scored_lines(trials, ["a", "b c", "d"], scores, 2 * scores))
    assert lines == ["a\td\ttarget\t0.5\t1", "d\tb c\tnontarget\t-1.25\t-2.5"]
    path = tmp_path / "trials.txt"
    path.write_text("\n".join("\t".join(line.split("\t")[:3]) for line in lines[:1]))
    assert as_set(read_trials(path, ["a", "d"])) == {(0, 1, True)}
