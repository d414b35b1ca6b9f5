from pathlib import Path

import pytest

from rnnmm.data.record import Record, read_cell, read_entries, read_object, read_rows


def write(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "list"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_rows_are_read_by_the_names_of_their_columns(tmp_path: Path) -> None:
    raw = b'\xef\xbb\xbfid, name\r\n7,"Ann, the \xc3\xa9lite"\r\n\r\n8,\r\n'
    one, two = read_rows(write(tmp_path, raw), ("name",))
    assert one.where.endswith("list:2") and two.where.endswith("list:4")
    assert (one.whole("id"), one.word("name"), two.text("name")) == (7, "Ann, the élite", "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"list:1: expected a header with the columns id, name, each once, got none"),
        ("id,nam\n", r"list:1: expected a header with the columns id, name.*got id, nam"),
        ("id,name,id\n", r"list:1: .* each once, got id, name, id"),
        ("id,name\n1\n", r"list:2: expected 2 cells as in the header, got 1; put a cell"),
        ('id,name\n1,"a\n', r"list:2: expected a row of CSV"),
    ],
)
def test_a_table_that_is_none_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        list(read_rows(write(tmp_path, text), ("id", "name")))


def test_entries_of_json_know_their_place(tmp_path: Path) -> None:
    first, second = read_entries(write(tmp_path, b'\xef\xbb\xbf[{"a": " x "}, {"b": [{"c": 1}]}]'))
    assert first.word("a") == "x" and first.text("b") == ""
    (inner,) = second.records("b")
    assert inner.whole("c") == 1
    assert inner.where.endswith("list, entry 2: b, entry 1")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"a": 1},\n oops]', r"list:2: expected JSON, got Expecting value"),
        ("[" * 100_000, r"list: expected JSON, got lists within lists without end"),
        (b"\xff", r"list:1: expected UTF-8"),
        ('{"a": 1}', r"list: expected a list, got an object"),
        ("null", r"list: expected a list, got nothing"),
        ('[{"a": 1}, "b"]', r"list, entry 2: expected an object, got text"),
        ("[[]]", r"list, entry 1: expected an object, got a list"),
        ("[true]", r"list, entry 1: expected an object, got true or false"),
    ],
)
def test_a_list_that_is_none_is_named(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        list(read_entries(write(tmp_path, text)))


def test_an_object_is_no_list(tmp_path: Path) -> None:
    assert read_object(write(tmp_path, '{"a": "b"}')).word("a") == "b"
    with pytest.raises(ValueError, match=r"list: expected a JSON object, got a number"):
        read_object(write(tmp_path, "3"))
    with pytest.raises(ValueError, match=r"list: a: expected a list, got nothing"):
        list(read_object(write(tmp_path, "{}")).records("a"))


@pytest.mark.parametrize("value", [7, ["a"], {"a": 1}, True, "a\0b", "half \ud800"])
def test_what_is_no_text_is_named(value: object) -> None:
    with pytest.raises(ValueError, match=r"list:2: name: expected text, got "):
        Record("list:2", {"name": value}).text("name")
    with pytest.raises(ValueError, match=r"^here: expected text, got "):
        read_cell(value, "here")


@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_word_must_be_there(value: object) -> None:
    with pytest.raises(ValueError, match=r"^list:2: expected text as 'name', got none$"):
        Record("list:2", {"name": value}).word("name")


@pytest.mark.parametrize("value", [None, "", "-1", -1, 1.5, "1.0", True, "²", [1]])
def test_a_whole_number_is_nothing_else(value: object) -> None:
    with pytest.raises(ValueError, match=r"list:2: expected a whole number of 0 or more as 'n'"):
        Record("list:2", {"n": value}).whole("n")
