from pathlib import Path

import pytest

from rnnmm.metrics.diarisation import Turn
from rnnmm.speakers.rttm import read_rttm, write_rttm

TURNS = {"m1": [Turn(0.5, 2.25, "anna"), Turn(2.0, 3.0, "bert")], "m2": [Turn(0.0, 1.0, "x")]}


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "a.rttm"
    write_rttm(path, TURNS)
    assert path.read_text().splitlines()[0] == (
        "SPEAKER m1 1 0.500 1.750 <NA> <NA> anna <NA> <NA>"
    )
    assert read_rttm(path) == TURNS
    write_rttm(path, {})
    assert read_rttm(path) == {}
    write_rttm(path, {"m1": [Turn(1.0, 1.0004, "x")]})  # shorter than can be written
    assert read_rttm(path) == {"m1": [Turn(1.0, 1.001, "x")]}


def test_other_lines_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "a.rttm"
    path.write_bytes(
        b"\xef\xbb\xbf;; a comment\r\nSPKR-INFO m1 1 <NA> <NA> <NA> unknown anna <NA>\r\n\r\n"
        b"SPEAKER m1 1 1 2 <NA> <NA> anna <NA>\r\n"
    )
    assert read_rttm(path) == {"m1": [Turn(1.0, 3.0, "anna")]}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("SPEAKER m1 1 0 1 <NA> <NA>", "a.rttm:1: expected SPEAKER with at least 8 fields, got 7"),
        ("SPEAKER m1 1 x 1 <NA> <NA> a", "start >= 0 and a duration > 0 in seconds, got 'x'"),
        ("SPEAKER m1 1 -1 1 <NA> <NA> a", "got '-1' and '1'"),
        ("SPEAKER m1 1 0 0 <NA> <NA> a", "got '0' and '0'"),
        ("SPEAKER m1 1 0 inf <NA> <NA> a", "got '0' and 'inf'"),
        ("SPEAKER m1 1 nan 1 <NA> <NA> a", "got 'nan' and '1'"),
    ],
)
def test_what_is_no_turn_is_refused(tmp_path: Path, line: str, reason: str) -> None:
    path = tmp_path / "a.rttm"
    path.write_text(line)
    with pytest.raises(ValueError, match=reason):
        read_rttm(path)


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.rttm").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match=r"a\.rttm: expected UTF-8"):
        read_rttm(tmp_path / "a.rttm")


def test_names_with_spaces_cannot_be_written(tmp_path: Path) -> None:
    for bad in ({"m 1": []}, {"m1": [Turn(0, 1, "an na")]}, {"": []}):
        with pytest.raises(ValueError, match="expected names without spaces"):
            write_rttm(tmp_path / "a.rttm", bad)
