from pathlib import Path

import numpy as np
import pytest

from rnnmm.media import array
from rnnmm.media.array import is_array_file, read_array
from rnnmm.media.limits import Span


def saved(path: Path, values: np.ndarray) -> Path:
    with path.open("wb") as file:
        np.save(file, values)
    return path


@pytest.mark.parametrize("kind", ["<f4", "<f8", ">f4", "<f2", "u1"])
def test_vectors_come_back_as_float32(tmp_path: Path, kind: str) -> None:
    values = np.arange(12).reshape(4, 3).astype(kind)
    path = saved(tmp_path / "any.name", np.asfortranarray(values))
    assert is_array_file(path)
    read = read_array(path, Span())
    assert read.dtype == np.float32 and read.flags.c_contiguous
    np.testing.assert_array_equal(read, values.astype(np.float32))


def test_other_files_are_told_apart(tmp_path: Path) -> None:
    for content in (b"", b"\x93NUM", b"RIFF1234"):
        (tmp_path / "file").write_bytes(content)
        assert not is_array_file(tmp_path / "file")


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.zeros(4), r"expected a table of numbers \(T, F\), got float64 \(4,\)"),
        (np.zeros((0, 4)), r"expected a table of numbers \(T, F\), got float64 \(0, 4\)"),
        (np.array([["a"]]), "expected a table of numbers"),
        (np.array([[1.0, np.nan]]), "NaN or infinite values"),
    ],
)
def test_what_is_no_table_of_numbers_is_refused(
    tmp_path: Path, values: np.ndarray, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        read_array(saved(tmp_path / "a.npy", values), Span())


def test_nothing_is_unpickled_and_damage_is_told(tmp_path: Path) -> None:
    objects = tmp_path / "objects.npy"
    np.save(objects, np.array([[{}]], object), allow_pickle=True)
    with pytest.raises(ValueError, match="no readable NumPy array"):
        read_array(objects, Span())
    whole = saved(tmp_path / "whole.npy", np.zeros((50, 8))).read_bytes()
    (tmp_path / "torn.npy").write_bytes(whole[:-9])
    with pytest.raises(ValueError, match="no readable NumPy array"):
        read_array(tmp_path / "torn.npy", Span())


def test_parts_and_giants_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "a.npy", np.zeros((5, 2)))
    for span in (Span(1.0), Span(0.0, 2.0)):
        with pytest.raises(ValueError, match="has no times: give no start and no end"):
            read_array(path, span)
    monkeypatch.setattr(array, "_MAX_BYTES", 64)
    with pytest.raises(ValueError, match="more than 0 MiB of vectors"):
        read_array(path, Span())
