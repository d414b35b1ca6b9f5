import pytest

import rnnmm.store.commit as module
from rnnmm.store.commit import (
    commit,
    commit_bytes,
    digest_bytes,
    digest_file,
    put,
    remove_temps,
    start_sync,
)


def test_commit_shows_the_file_only_when_it_is_verified(tmp_path):
    target = tmp_path / "a"
    target.write_text("old")
    seen = []

    def verify(temp):
        seen.append((temp.read_text(), target.read_text()))

    commit(target, lambda temp: temp.write_text("new"), verify)
    assert seen == [("new", "old")]
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert target.read_text() == "new"


@pytest.mark.parametrize("save", [commit, put])
@pytest.mark.parametrize("fails", ["write", "verify"])
def test_a_failed_commit_leaves_what_was_there(tmp_path, fails, save):
    target = tmp_path / "a"
    target.write_text("old")

    def write(temp):
        temp.write_text("half")
        if fails == "write":
            raise OSError("disk full")

    def verify(temp):
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        save(target, write, verify)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert target.read_text() == "old"


def test_a_reader_never_sees_the_temporary_name_as_content(tmp_path):
    target = tmp_path / "a.arrow"
    names = []

    def write(temp):
        temp.write_text("x")
        names.extend(path.name for path in tmp_path.glob("*.arrow"))

    commit(target, write)
    assert names == []


def test_remove_temps_removes_nothing_else(tmp_path):
    commit_bytes(tmp_path / "kept", b"x")
    (tmp_path / ".kept.1-ab.tmp").write_text("left by a killed run")
    (tmp_path / ".hidden").write_text("not ours")
    remove_temps(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".hidden", "kept"]


def test_digest_of_a_file_is_that_of_its_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert digest_file(tmp_path / "a") == digest_bytes(b"abc") != digest_bytes(b"abd")
    assert len(digest_bytes(b"")) == 32


def test_a_sync_begun_early_changes_nothing(tmp_path):
    with (tmp_path / "a").open("wb") as file:
        file.write(b"one")
        file.flush()
        start_sync(file.fileno())
        file.write(b"two")
    assert (tmp_path / "a").read_bytes() == b"onetwo"


@pytest.mark.parametrize(("write", "waits"), [(commit, ["file", "folder"]), (put, [])])
def test_only_a_commit_waits_for_the_disk(tmp_path, monkeypatch, write, waits):
    waited = []

    def noted(path):
        waited.append("folder" if path.is_dir() else "file")

    monkeypatch.setattr(module, "sync", noted)
    write(tmp_path / "a", lambda temp: temp.write_text("new"))
    assert waited == waits and (tmp_path / "a").read_text() == "new"
