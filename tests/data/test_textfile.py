from pathlib import Path

import pytest

from rnnmm.data.textfile import read_csv, read_lines, read_table, read_text


def write(tmp_path: Path, raw: bytes) -> Path:
    path = tmp_path / "text"
    path.write_bytes(raw)
    return path


def test_a_byte_order_mark_is_dropped(tmp_path: Path) -> None:
    assert read_text(write(tmp_path, b"\xef\xbb\xbfabc\r\n")) == "abc\r\n"


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_every_line_end_counts_and_empty_lines_keep_the_numbers(
    tmp_path: Path, end: bytes
) -> None:
    raw = end.join([b" one ", b"", b"two"]) + end
    assert read_lines(write(tmp_path, raw)) == [(1, "one"), (3, "two")]


def test_a_line_separator_inside_a_transcript_ends_no_line(tmp_path: Path) -> None:
    assert read_lines(write(tmp_path, "a\u2028b\x0bc".encode())) == [(1, "a\u2028b\x0bc")]


def test_a_byte_that_is_not_utf8_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"text:2: expected UTF-8 text, got the byte 0xe9"):
        read_text(write(tmp_path, b"one\ncaf\xe9\n"))


def test_utf16_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"text:1: expected UTF-8"):
        read_text(write(tmp_path, "abc".encode("utf-16")))


def test_a_nul_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"text:2: expected text, got a NUL"):
        read_text(write(tmp_path, b"one\nt\0wo"))


def test_a_table_splits_at_the_first_white_space(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, b"a one two\nb\twav/b c.wav\nempty\n"))
    assert table == {"a": "one two", "b": "wav/b c.wav", "empty": ""}


def test_a_key_given_twice_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"text:2: a is already there above"):
        read_table(write(tmp_path, b"a one\na two\n"))


def test_rows_of_csv_carry_the_line_they_start_on(tmp_path: Path) -> None:
    path = write(tmp_path, b'a,b\r\n"one\ntwo, ""x""",2\n\n3,4\n')
    assert list(read_csv(path)) == [(1, ["a", "b"]), (2, ['one\ntwo, "x"', "2"]), (5, ["3", "4"])]


@pytest.mark.parametrize("row", [b'"a"b,c', b'"open', b"x" * 200_000])
def test_a_row_that_is_no_csv_is_named(tmp_path: Path, row: bytes) -> None:
    with pytest.raises(ValueError, match=r"text:2: expected a row of CSV, got "):
        list(read_csv(write(tmp_path, b"a,b\n" + row)))
