"""On people nobody has met, and against the answers of a book clip by clip."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for made

from made import DIM, clips_of, empty_book

from rnnmm.metrics.interval import redrawn_interval
from rnnmm.speakers.book import add_person
from rnnmm.speakers.rehearsal import Held, rehearse
from rnnmm.speakers.verdict import identify, log_ratios, verify

RATE = 0.1


def people(count: int, num_clips: int, seed: int = 30) -> dict[str, np.ndarray]:
    return {f"n{who}": own for who, own in enumerate(clips_of(count, num_clips, seed))}


def once(held: Held) -> np.ndarray:
    return np.ones(len(held.own), np.int64)


def test_it_answers_as_a_book_does() -> None:
    """One draw of two members of five; a sixth has too few clips for a voice."""
    clips = people(5, 6) | {"few": clips_of(1, 2, 31)[0]}
    found = rehearse(empty_book(), clips, [RATE], num_clips=4, num_draws=1, seed=2)
    held = found.identified[RATE]
    members = np.flatnonzero(held.strangers.sum(axis=1))
    names = [list(clips)[place] for place in members]
    assert found.num_members == len(names) == 2 and "few" not in names
    book = empty_book()
    for name in names:
        book = add_person(book, name, clips[name][:4])
    accepted, missed = np.zeros((2, 6)), np.zeros(6)
    for number, (name, own) in enumerate(clips.items()):
        for verdict in identify(book, own[4:] if name in names else own, RATE):
            if name in names:
                missed[number] += verdict.answer != name
            elif verdict.answer != "unknown":
                accepted[names.index(verdict.answer), number] += 1
    assert held.accepted[members].tolist() == accepted.tolist()
    assert held.missed.tolist() == missed.tolist()
    assert held.own.tolist() == [2.0 if name in names else 0.0 for name in clips]
    assert held.strangers.sum() == sum(len(own) for name, own in clips.items()
                                       if name not in names)  # fmt: skip


def test_it_verifies_each_member_as_a_book_does() -> None:
    clips = people(5, 6)
    held = rehearse(empty_book(), clips, [RATE], num_clips=3, num_draws=1, seed=1).verified[RATE]
    names = [list(clips)[place] for place in np.flatnonzero(held.strangers.sum(axis=1))]
    assert len(names) == 2
    book = empty_book()
    for name in names:
        book = add_person(book, name, clips[name][:3])
    for row, name in enumerate(clips):
        accepted, strangers, missed = [0] * 5, [0] * 5, 0
        if name in names:
            for number, (other, own) in enumerate(clips.items()):
                same = [one.answer == "same" for one in verify(book, name, own, RATE)]
                if other not in names:
                    accepted[number], strangers[number] = sum(same), 6
                elif other == name:
                    missed = 3 - sum(same[3:])
        assert held.accepted[row].tolist() == accepted
        assert held.strangers[row].tolist() == strangers
        assert (held.missed[row], held.own[row]) == (missed, 3 if name in names else 0)


def test_ratios_are_those_of_members_and_strangers() -> None:
    clips = people(4, 5)
    found = rehearse(empty_book(), clips, [RATE], num_clips=2, num_draws=1)
    members = np.flatnonzero(found.verified[RATE].own).tolist()
    book = empty_book()
    for place in members:
        book = add_person(book, f"n{place}", clips[f"n{place}"][:2])
    ratios = log_ratios(book, list(book.people), np.concatenate(list(clips.values())))
    who = np.repeat(np.arange(4), 5)
    targets = [ratios[e, t] for e, place in enumerate(members) for t in range(20)
               if who[t] == place and t % 5 > 1]  # fmt: skip
    nontargets = [ratios[e, t] for e in range(2) for t in range(20) if who[t] not in members]
    assert found.targets == pytest.approx(targets)
    assert found.nontargets == pytest.approx(nontargets)


def test_strangers_are_accepted_as_often_as_stated() -> None:
    found = rehearse(empty_book(), people(80, 5), [0.1, 0.05], num_draws=40)
    for by_rate in (found.identified, found.verified):
        for rate, held in by_rate.items():
            redraw = held.false_accepts()
            assert redraw.figure(once(held)) == pytest.approx(rate, rel=0.5)
            low, high = redrawn_interval(redraw, num_resamples=200)
            assert low < rate < high
            assert held.misses().figure(once(held)) < 0.3


def test_no_interval_passes_one() -> None:
    """All clips of all strangers are taken for one of the members."""
    clips = people(6, 4)
    clips = {name: own + 30 * (name != "n0") for name, own in clips.items()}
    held = rehearse(empty_book(), clips, [0.999], num_draws=5).identified[0.999]
    redraw = held.false_accepts()
    assert redraw.figure(once(held)) > 0.9
    assert redrawn_interval(redraw, num_resamples=100).high <= 1


def test_rates_and_draws_are_seeded() -> None:
    def accepted(seed: int) -> list:
        found = rehearse(empty_book(), people(12, 5), [0.3], num_draws=2, seed=seed)
        return found.identified[0.3].strangers.tolist()

    assert accepted(0) == accepted(0) != accepted(1)


def test_a_pair_counts_as_often_as_both_were_drawn() -> None:
    accepted = np.array([[0.0, 2.0, 1.0], [0.0, 0.0, 0.0], [0.0, 0.0, 3.0]])
    strangers = np.array([[0.0, 4.0, 4.0], [0.0, 0.0, 0.0], [4.0, 0.0, 4.0]])
    held = Held(accepted, strangers, np.zeros(3), np.array([5.0, 0.0, 5.0]))
    redraw = held.false_accepts()
    assert redraw.num_units == 3
    assert redraw.figure(np.array([1, 1, 1])) == pytest.approx(6 / 16)
    # Voices of 0 and 2: pairs (0, 1), (0, 2), (2, 0), (2, 2) weigh 2, 0, 0, 0.
    assert redraw.figure(np.array([2, 1, 0])) == pytest.approx((2 * 2) / (2 * 4))
    assert np.isnan(redraw.figure(np.array([0, 3, 0])))
    assert held.num_pairs() == (3, 4)
    both = held + held
    assert both.accepted.tolist() == (2 * accepted).tolist()
    assert both.false_accepts().figure(np.array([1, 1, 1])) == pytest.approx(6 / 16)


def test_misses_are_drawn_by_person() -> None:
    held = Held(np.zeros((2, 2)), np.ones((2, 2)), np.array([1.0, 4.0]), np.array([4.0, 4.0]))
    redraw = held.misses()
    assert redraw.figure(np.array([1, 1])) == pytest.approx(5 / 8)
    assert redraw.figure(np.array([2, 0])) == pytest.approx(1 / 4)


def test_people_who_are_known_are_refused() -> None:
    for name in ("p3", "c7"):
        with pytest.raises(ValueError, match=f"thresholds do not rest on, got {name}; choose"):
            rehearse(empty_book(), people(3, 5) | {name: np.ones((5, DIM))}, [RATE])


@pytest.mark.parametrize(
    ("clips", "got"), [({}, "0 people, 0 with"), (people(1, 5), "1 people, 1 with"),
                       (people(2, 3), "2 people, 0 with")],
)  # fmt: skip
def test_too_few_people_are_refused(clips: dict[str, np.ndarray], got: str) -> None:
    with pytest.raises(ValueError, match=f"one with more than 3 clips, got {got}"):
        rehearse(empty_book(), clips, [RATE])
