"""On people nobody has met: answers, their rates, and that their ratios mean what they say."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for made

from made import DIM, clips_of, empty_book

from rnnmm.metrics.verification import cllr, min_cllr
from rnnmm.speakers.book import Book, add_person, remove_person
from rnnmm.speakers.population import Cohort
from rnnmm.speakers.verdict import (
    identify,
    limit_of,
    log_ratios,
    resembling_stranger,
    stranger_ratios,
    verify,
)

RATE = 0.05


@pytest.fixture(scope="module")
def book() -> Book:
    made = empty_book()
    for who, clips in enumerate(clips_of(8, 3, 10)):
        made = add_person(made, f"n{who}", clips)
    return made


@pytest.fixture(scope="module")
def friends() -> np.ndarray:
    """``(8, 20, DIM)`` further clips of the same eight."""
    rng = np.random.default_rng(10)
    voices = rng.normal(size=(8, 1, DIM))
    return voices + 0.8 * np.random.default_rng(11).normal(size=(8, 20, DIM)) + 1.0


@pytest.fixture(scope="module")
def strangers() -> np.ndarray:
    return clips_of(150, 4, 12).reshape(-1, DIM)


def test_friends_are_the_same_and_others_different(book: Book, friends: np.ndarray) -> None:
    own = verify(book, "n2", friends[2], RATE)
    assert np.mean([verdict.answer == "same" for verdict in own]) > 0.9
    other = verify(book, "n2", friends[3], RATE)
    assert np.mean([verdict.answer == "different" for verdict in other]) > 0.8
    for verdict in (*own, *other):
        assert (verdict.answer == "same") == (verdict.llr >= verdict.threshold)
        assert verdict.name == "n2"


def test_strangers_are_the_same_as_seldom_as_stated(book: Book, strangers: np.ndarray) -> None:
    rates = [
        np.mean([verdict.answer == "same" for verdict in verify(book, name, strangers, RATE)])
        for name in book.people
    ]
    assert np.mean(rates) == pytest.approx(RATE, rel=0.5)


def test_friends_are_named(book: Book, friends: np.ndarray) -> None:
    answers = [
        verdict.answer == f"n{who}"
        for who, clips in enumerate(friends)
        for verdict in identify(book, clips, RATE)
    ]
    assert np.mean(answers) > 0.85


def test_strangers_are_named_as_seldom_as_stated(book: Book, strangers: np.ndarray) -> None:
    verdicts = identify(book, strangers, RATE)
    named = np.mean([verdict.answer != "unknown" for verdict in verdicts])
    assert named == pytest.approx(RATE, rel=0.5)
    assert all(verdict.name in book.people for verdict in verdicts)


def test_another_room_makes_no_friends_of_strangers(
    friends: np.ndarray, strangers: np.ndarray
) -> None:
    """What all recordings of it share is as large as a voice, and none of the training has it."""
    room = 2.0 * np.random.default_rng(5).normal(size=DIM)
    book = empty_book()
    for who, clips in enumerate(clips_of(8, 3, 10)):
        book = add_person(book, f"n{who}", clips + room)
    named = [verdict.answer != "unknown" for verdict in identify(book, strangers + room, RATE)]
    assert np.mean(named) < 2 * RATE  # of the middle of the training's voices, all of them are
    right = [
        verdict.answer == f"n{who}"
        for who, clips in enumerate(friends)
        for verdict in identify(book, clips + room, RATE)
    ]
    assert np.mean(right) > 0.75


def test_one_person_under_two_names_is_no_room(friends: np.ndarray) -> None:
    first, second = clips_of(8, 3, 10)[2], friends[2][:3]
    book = add_person(add_person(empty_book(), "ann", first), "ann at work", second)
    alone = add_person(empty_book(), "ann", first)
    both, one = (log_ratios(some, ["ann"], friends[2][3:]) for some in (book, alone))
    assert both == pytest.approx(one)
    answers = [verdict.answer for verdict in identify(book, friends[2][3:], RATE)]
    assert np.mean([answer != "unknown" for answer in answers]) > 0.9


def test_without_a_cohort_nothing_tells_the_room(friends: np.ndarray) -> None:
    nobody = replace(empty_book(), cohort=Cohort(np.zeros((0, DIM)), ()))
    ann, bob = clips_of(8, 3, 10)[:2]
    alone = add_person(nobody, "ann", ann)
    ratios = log_ratios(alone, ["ann"], friends[0])
    assert ratios == pytest.approx(log_ratios(add_person(alone, "bob", bob), ["ann"], friends[0]))
    assert np.mean(ratios) > 0


def test_log_ratios_mean_what_they_say(book: Book, friends: np.ndarray) -> None:
    ratios = log_ratios(book, list(book.people), friends.reshape(-1, DIM))  # (8, 160)
    is_same = np.arange(8)[:, None] == np.repeat(np.arange(8), 20)
    targets, nontargets = ratios[is_same], ratios[~is_same]
    assert cllr(targets, nontargets) - min_cllr(targets, nontargets) < 0.1


def test_voices_of_different_numbers_of_clips_are_held_to_their_own_measure() -> None:
    book = add_person(empty_book(), "one", clips_of(1, 1, 20)[0])
    book = add_person(book, "five", clips_of(1, 5, 21)[0])
    assert sorted(book.calibrations) == [1, 5]
    assert book.calibrations[1] != book.calibrations[5]
    assert {verdict.name for verdict in identify(book, clips_of(20, 1, 22)[:, 0], 0.5)} <= {
        "one", "five"
    }  # fmt: skip


def test_a_rarer_false_accept_needs_more_evidence(book: Book, strangers: np.ndarray) -> None:
    limits = [verify(book, "n0", strangers[:1], rate)[0] for rate in (0.2, 0.05, 0.005, 1e-7)]
    needed = [verdict.threshold for verdict in limits]
    assert needed == sorted(needed) and len(set(needed)) == 4
    assert [verdict.is_extrapolated for verdict in limits] == [False, False, False, True]


def test_who_is_not_there_cannot_be_asked_about(book: Book, strangers: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"somebody in the book \(n0, .*\), got 'n9'"):
        verify(book, "n9", strangers, RATE)
    with pytest.raises(ValueError, match="expected somebody in the book, got nobody"):
        identify(empty_book(), strangers, RATE)
    with pytest.raises(ValueError, match="expected 0 < false_accept_rate < 1, got 2"):
        identify(book, strangers, 2)


def test_to_identify_among_one_is_to_verify(strangers: np.ndarray) -> None:
    alone = add_person(empty_book(), "n0", clips_of(1, 3, 10)[0])
    for rate in (0.3, 0.05):
        verified, named = verify(alone, "n0", strangers, rate), identify(alone, strangers, rate)
        assert [one.answer == "same" for one in verified] == [one.answer == "n0" for one in named]
        assert [one[1:] for one in verified] == [one[1:] for one in named]


def test_a_limit_is_of_the_best_against_anybody() -> None:
    strangers = np.array([[0.0, 4.0, 1.0, -np.inf], [2.0, -np.inf, 3.0, -np.inf]])
    assert limit_of(strangers, 0.9).value == pytest.approx(np.quantile([2.0, 4.0, 3.0], 0.1))
    assert limit_of(strangers[:1], 0.9).value == pytest.approx(np.quantile([0.0, 4.0, 1.0], 0.1))


def test_more_people_to_be_taken_for_need_more_evidence(book: Book, strangers: np.ndarray) -> None:
    few = book
    for name in ("n0", "n1", "n2", "n3", "n4"):
        few = remove_person(few, name)
    limits = [identify(one, strangers[:1], RATE)[0].threshold for one in (few, book)]
    assert limits[0] < limits[1]
    # A voice that a stranger sounds like is held to more by itself, too.
    twin = book.population.embeddings[:3] + 0.5
    like = add_person(book, "twin", twin)
    assert (
        verify(like, "twin", strangers[:1], RATE)[0].threshold
        > verify(like, "n0", strangers[:1], RATE)[0].threshold
    )


def test_nobody_is_a_stranger_to_himself() -> None:
    """People who are in the population are enrolled by their names there."""
    bare, clips = empty_book(), empty_book().population.embeddings[:6]
    named, other = (add_person(bare, name, clips[:3]) for name in ("p0", "anna"))
    answers = [
        [verdict.answer for verdict in verify(one, name, clips[3:], 0.01)]
        for one, name in ((named, "p0"), (other, "anna"))
    ]
    assert answers == [["same"] * 3, ["different"] * 3]
    tried = stranger_ratios(named, ["p0"])
    assert np.isinf(tried.scores[0]).tolist() == [who == "p0" for who in tried.speakers]
    assert resembling_stranger(named, "p0") != "p0"
    assert resembling_stranger(other, "anna") == "p0"
    odd = add_person(bare, "odd", -np.ones((3, DIM)))
    assert resembling_stranger(odd, "odd") is None
