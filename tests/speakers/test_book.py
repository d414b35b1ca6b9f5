import json
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for made

from made import DIM, clips_of, empty_book

from rnnmm.speakers import book as module
from rnnmm.speakers.book import (
    Book,
    add_person,
    check_name,
    find_person,
    has_book,
    locked,
    open_book,
    remove_person,
    save_book,
)
from rnnmm.speakers.verdict import log_ratios


@pytest.fixture(scope="module")
def book() -> Book:
    return add_person(empty_book(), "anna", clips_of(1, 3, 5)[0])


def test_round_trip(book: Book, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "people"
    assert not has_book(folder)
    save_book(folder, book)
    assert has_book(folder)
    assert sorted(path.name for path in folder.iterdir()) == [
        "book.json",
        "embeddings.safetensors",
    ]
    again = open_book(folder)
    assert (again.model, list(again.people)) == ("model", ["anna"])
    assert again.calibrations == book.calibrations
    assert again.population.speakers == book.population.speakers
    assert again.cohort.speakers == book.cohort.speakers
    tests = clips_of(4, 1, 6)[:, 0]
    assert log_ratios(again, ["anna"], tests) == pytest.approx(
        log_ratios(book, ["anna"], tests), abs=1e-3
    )
    shown = json.loads((folder / "book.json").read_text())
    assert shown["people"]["anna"]["num_clips"] == 3


def test_people_are_added_extended_and_removed(book: Book, tmp_path: Path) -> None:
    more = add_person(book, "Zoë", clips_of(1, 2, 7)[0])
    assert list(more.people) == ["Zoë", "anna"]
    assert sorted(more.calibrations) == [2, 3]
    more = add_person(more, "Zoe\u0308", clips_of(1, 1, 8)[0])  # the same name, decomposed
    assert len(more.people["Zoë"]) == 3
    save_book(tmp_path, more)
    size = (tmp_path / "embeddings.safetensors").stat().st_size
    save_book(tmp_path, remove_person(open_book(tmp_path), "Zoë"))
    assert list(open_book(tmp_path).people) == ["anna"]
    # What is removed is gone from the disk, too.
    assert (tmp_path / "embeddings.safetensors").stat().st_size <= size - 3 * DIM * 4
    assert list(book.people) == ["anna"]  # a value


@pytest.mark.parametrize("stop", [1, 2, 3])
def test_a_crash_leaves_the_old_book_or_the_new_one(
    stop: int, book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_book(tmp_path, book)
    new = add_person(remove_person(book, "anna"), "bert", clips_of(1, 2, 9)[0])
    steps = []

    def crashing(name: str) -> None:
        real = getattr(module, name)

        def step(*args: object) -> None:
            steps.append(name)
            if len(steps) == stop:
                raise KeyboardInterrupt
            real(*args)

        monkeypatch.setattr(module, name, step)

    crashing("commit")
    crashing("commit_bytes")
    with pytest.raises(KeyboardInterrupt):
        save_book(tmp_path, new)
    monkeypatch.undo()
    assert list(open_book(tmp_path).people) == (["anna"] if stop < 3 else ["bert"])
    save_book(tmp_path, new)
    assert list(open_book(tmp_path).people) == ["bert"]


@pytest.mark.parametrize(
    "name", ["", " ", "../x", "a/b", "a\\b", ".", "..", ".hidden", " a", "a ", "x" * 101]
)
def test_names_that_could_be_paths_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="name: expected 1 to 100 characters, no path"):
        check_name(name)


def test_names_nobody_can_read_are_refused() -> None:
    for name in ("a\nb", "a\0b", "a\u200bb", "a\tb"):
        with pytest.raises(ValueError, match="name: expected printable characters"):
            check_name(name)
    assert check_name("Zoe\u0308 van der Berg-O'Neil 2.") == "Zoë van der Berg-O'Neil 2."


@pytest.mark.parametrize("clips", [np.zeros((0, DIM)), np.ones((2, DIM + 1)), np.ones(DIM)])
def test_embeddings_of_another_shape_are_refused(clips: np.ndarray, book: Book) -> None:
    with pytest.raises(ValueError, match=rf"bert: expected \(n, {DIM}\) embeddings, n >= 1, got"):
        add_person(book, "bert", clips)


def test_embeddings_without_direction_are_refused(book: Book) -> None:
    for bad in (np.zeros((1, DIM)), np.full((1, DIM), np.nan)):
        with pytest.raises(ValueError, match="expected embeddings that are finite and not zero"):
            add_person(book, "bert", bad)


def test_nobody_is_removed_who_is_not_there(book: Book) -> None:
    with pytest.raises(ValueError, match=r"somebody in the book \(anna\), got 'bert'"):
        remove_person(book, "bert")
    with pytest.raises(ValueError, match=r"somebody in the book \(nobody\)"):
        find_person(remove_person(book, "anna"), "anna")


def test_what_is_no_book_is_said(book: Book, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"found no book\.json; enrol first"):
        open_book(tmp_path)
    save_book(tmp_path, book)
    path, good = tmp_path / "book.json", (tmp_path / "book.json").read_text()
    fields = json.loads(good)
    for bad in (
        "not json", "[]", json.dumps({**fields, "schema": 1}), json.dumps({"schema": 2}),
        good.replace('"num_clips": 3', '"num_clips": 4'), good.replace('"anna"', '"../x"'),
        json.dumps({**fields, "calibrations": {}}),
    ):  # fmt: skip
        path.write_text(bad)
        with pytest.raises(ValueError, match=r"book\.json: expected a speaker book as enrol"):
            open_book(tmp_path)
    path.write_text(good)
    (tmp_path / "embeddings.safetensors").write_bytes(b"torn")
    with pytest.raises(ValueError, match=r"expected the book's embeddings"):
        open_book(tmp_path)


def test_only_one_at_a_time(tmp_path: Path) -> None:
    done = threading.Event()

    def note() -> None:
        with locked(tmp_path):
            done.set()

    other = threading.Thread(target=note, daemon=True)
    with locked(tmp_path):
        other.start()
        assert not done.wait(0.1)
    assert done.wait(10)
