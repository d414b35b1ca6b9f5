from pathlib import Path

import numpy as np
import pytest

from rnnmm.media.limits import Span
from rnnmm.media.sphinx import is_feature_file, read_features


def write_features(path: Path, values: np.ndarray) -> Path:
    path.write_bytes(np.array(values.size, ">i4").tobytes() + values.astype(">f4").tobytes())
    return path


@pytest.fixture
def values() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((50, 13)).astype(np.float32)


def test_reads_what_was_written(tmp_path: Path, values: np.ndarray) -> None:
    path = write_features(tmp_path / "a.mfc", values)
    assert is_feature_file(path)
    features = read_features(path, Span())
    assert features.dtype == np.float32 and features.flags.writeable
    np.testing.assert_array_equal(features, values)


def test_cuts_by_frames_of_10_ms(tmp_path: Path, values: np.ndarray) -> None:
    path = write_features(tmp_path / "a.mfc", values)
    np.testing.assert_array_equal(read_features(path, Span(0.1, 0.25)), values[10:25])
    np.testing.assert_array_equal(read_features(path, Span(0.4, None)), values[40:])
    with pytest.raises(ValueError, match=r"end 9 s lies beyond the end of the file \(.+ s\)"):
        read_features(path, Span(0.4, 9.0))


@pytest.mark.parametrize("change", ["longer", "shorter", "not_13", "little_endian", "tiny"])
def test_other_content_is_no_feature_file(tmp_path: Path, values: np.ndarray, change: str) -> None:
    path = write_features(tmp_path / "a.mfc", values)
    data = path.read_bytes()
    changed = {
        "longer": data + b"\0",
        "shorter": data[:-4],
        "not_13": np.array(12, ">i4").tobytes() + bytes(48),
        "little_endian": data[3::-1] + data[4:],
        "tiny": b"\0\0",
    }[change]
    path.write_bytes(changed)
    assert not is_feature_file(path)


def test_nan_is_refused(tmp_path: Path, values: np.ndarray) -> None:
    values[3, 4] = np.nan
    with pytest.raises(ValueError, match="features have NaN or infinite values"):
        read_features(write_features(tmp_path / "a.mfc", values), Span())


def test_limits(tmp_path: Path, values: np.ndarray) -> None:
    path = write_features(tmp_path / "a.mfc", values)
    with pytest.raises(ValueError, match=r"longer than the limit of 0\.2 s"):
        read_features(path, Span(max_duration_s=0.2))
    with pytest.raises(ValueError, match=r"starts at 0\.5 s, after the end of the features"):
        read_features(path, Span(0.5))
