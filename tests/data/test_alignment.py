from pathlib import Path

import pytest

from rnnmm.data.alignment import read_words
from rnnmm.manifest import Segment


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "bbaf2n.align"
    path.write_text(text)
    return path


def test_words_have_times_and_silences_are_left_out(tmp_path: Path) -> None:
    text = "0 23750 sil\r\n23750 29500 bin\r\n29500 34000 sp\r\n34000 74500 blue\r\n"
    assert list(read_words(write(tmp_path, text))) == [
        Segment(0.95, 1.18, "bin"), Segment(1.36, 2.98, "blue"),
    ]  # fmt: skip


@pytest.mark.parametrize("line", ["0 10", "0 1.5 bin", "-1 5 bin", "0 5 bin blue", "² 5 bin"])
def test_any_other_line_is_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(ValueError, match=r"bbaf2n.align:2: expected 'start end word', got"):
        list(read_words(write(tmp_path, f"0 10 sil\n{line}\n")))
