import os
import time

import pytest

import rnnmm.store.source as module
from rnnmm.store.commit import digest_bytes
from rnnmm.store.source import read_sources

LONG_AGO = 1_600_000_000


@pytest.fixture
def media(tmp_path, monkeypatch):
    """Three files that seem to lie there for long, and the paths that are really read."""
    folder = tmp_path / "media"
    folder.mkdir()
    for name in "abc":
        (folder / name).write_text(name)
        os.utime(folder / name, (LONG_AGO, LONG_AGO))
    read = []

    def digest_file(path):
        read.append(path.name)
        return digest_bytes(path.read_bytes())

    monkeypatch.setattr(module, "digest_file", digest_file)
    monkeypatch.setattr(module, "_SETTLED_NS", -3600 * 10**9)  # ctime cannot be set back
    return folder, read


def test_every_file_is_read_once(media):
    folder, read = media
    sources = read_sources(folder, ["a", "b"])
    assert sorted(read) == ["a", "b"]
    assert sources["a"].digest == digest_bytes(b"a") and sources["a"].size == 1


def test_an_unchanged_file_is_not_read_again(media, tmp_path):
    folder, read = media
    first = read_sources(folder, ["a", "b", "c"], tmp_path / "new" / "record")
    read.clear()
    assert read_sources(folder, ["a", "b", "c"], tmp_path / "new" / "record") == first
    assert read == []


@pytest.mark.parametrize("size", ["other size", "B"])
def test_a_changed_file_is_read_again(media, tmp_path, size):
    folder, read = media
    read_sources(folder, ["a", "b"], tmp_path / "record")
    read.clear()
    (folder / "b").write_text(size)
    os.utime(folder / "b", (LONG_AGO, LONG_AGO))  # as a copy that keeps times does: ctime tells
    assert read_sources(folder, ["a", "b"], tmp_path / "record")["b"].digest == digest_bytes(
        size.encode()
    )
    assert read == ["b"]


def test_a_file_that_was_only_just_written_is_not_trusted(media, tmp_path, monkeypatch):
    folder, read = media
    monkeypatch.setattr(module, "_SETTLED_NS", 3 * 10**9)
    read_sources(folder, ["a"], tmp_path / "record")
    read_sources(folder, ["a"], tmp_path / "record")
    assert read == ["a", "a"]
    monkeypatch.setattr(time, "time_ns", lambda: 4 * 10**9 + (folder / "a").stat().st_ctime_ns)
    read_sources(folder, ["a"], tmp_path / "record")
    read_sources(folder, ["a"], tmp_path / "record")
    assert read == ["a", "a", "a"]


def test_a_damaged_record_only_costs_time(media, tmp_path):
    folder, read = media
    first = read_sources(folder, ["a"], tmp_path / "record")
    (tmp_path / "record").write_bytes(b"PAR1 torn")
    assert read_sources(folder, ["a"], tmp_path / "record") == first
    assert read == ["a", "a"]


def test_a_record_that_cannot_be_written_is_no_fault(media, tmp_path):
    folder, _ = media
    (tmp_path / "file").write_text("in the way")
    assert read_sources(folder, ["a"], tmp_path / "file" / "record")["a"].size == 1


def test_what_cannot_be_read_is_left_to_the_decoder(media, tmp_path):
    folder, _ = media
    for _ in range(2):
        assert read_sources(folder, ["gone"], tmp_path / "record")["gone"].digest == "unreadable"
